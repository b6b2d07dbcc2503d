"""Pulling images: an engine of recorded answers on a real socket, for no registry is there for tests."""

import asyncio
import base64
import contextlib
import json

import pytest

from segue.domain.execution.state import State
from segue.plugins.scripts.runner.docker import pull
from segue.sdk.testing import run_task

TASK = """
id: t
type: io.kestra.plugin.scripts.shell.Commands
containerImage: registry.example.com/app:7
taskRunner:
  type: io.kestra.plugin.scripts.runner.docker.Docker
  host: unix://{socket}
{more}
commands: ['true']
"""
LAYERS = [
    {"status": "Pulling from app", "id": "7"},
    {"status": "Pulling fs layer", "progressDetail": {}, "id": "a1"},
    {"status": "Downloading", "progressDetail": {"current": 10, "total": 1000}, "id": "a1"},
    {"status": "Downloading", "progressDetail": {"current": 1000, "total": 1000}, "id": "a1"},
    {"status": "Downloading", "progressDetail": {"current": 50, "total": 50}, "id": "b2"},
    {"status": "Extracting", "progressDetail": {"current": 3, "total": 7}, "id": "b2"},
    {"status": "Status: Downloaded newer image for registry.example.com/app:7"},
]


class Recorded:
    """Answers pulls with what is in ``answers``, one after the other; has an image once one was pulled."""

    def __init__(self, *answers, has_image=False):
        self.answers = list(answers)
        self.has_image = has_image
        self.asked = []
        self.logins = []

    async def serve(self, reader, writer):
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                line, *headers = head.split("\r\n")
                told = {name.lower(): value for name, _, value in (header.partition(": ") for header in headers)}
                await reader.readexactly(int(told.get("content-length", 0)))
                method, path, _ = line.split()
                self.asked.append(f"{method} {path}")
                status, body = self.answer(method, path, told)
                writer.write(
                    f"HTTP/1.1 {status} X\r\nApi-Version: 1.43\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
                )
                await writer.drain()
        writer.close()

    def answer(self, method, path, told):
        if path.startswith("/v1.43/images/create"):
            self.logins.append(told.get("x-registry-auth"))
            status, news = self.answers.pop(0)
            self.has_image = status == 200 and not any("error" in entry for entry in news)
            return status, b"\r\n".join(json.dumps(entry).encode() for entry in news)
        if path.startswith("/v1.43/images/"):
            return (200, b"{}") if self.has_image else (404, b'{"message":"No such image: registry.example.com/app:7"}')
        if path.startswith("/v1.43/containers/json"):
            return 200, b"[]"
        if path == "/_ping":
            return 200, b"OK"
        if path.startswith("/v1.43/volumes/create"):
            return 500, b'{"message":"the recording ends here"}'
        return 404, b'{"message":"not recorded"}'


async def run(tmp_path, recorded, more=""):
    socket = tmp_path / "engine.sock"
    async with await asyncio.start_unix_server(recorded.serve, socket):
        return await run_task(TASK.format(socket=socket, more=more))


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch):
    monkeypatch.setattr(pull, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(pull, "LONGEST_PAUSE", 0.02)


def pulls(recorded):
    return [line for line in recorded.asked if "/images/create" in line]


async def test_the_sizes_of_the_layers_are_shown(tmp_path):
    recorded = Recorded((200, LAYERS))
    outcome = await run(tmp_path, recorded)
    assert outcome.message == "the recording ends here", "the image was there"
    assert pulls(recorded) == ["POST /v1.43/images/create?fromImage=registry.example.com%2Fapp&tag=7"]
    (step,) = [shown for shown in outcome.insights if shown.name == "Pull image"]
    assert step.content == {"image": "registry.example.com/app:7", "attempts": 1, "layers": 2, "bytes": 1050}


@pytest.mark.parametrize(
    ("policy", "has_image", "times"), [("IF_NOT_PRESENT", True, 0), ("ALWAYS", True, 1), ("IF_NOT_PRESENT", False, 1)]
)
async def test_when_the_image_is_pulled(tmp_path, policy, has_image, times):
    recorded = Recorded((200, LAYERS), has_image=has_image)
    await run(tmp_path, recorded, f"  pullPolicy: {policy}")
    assert len(pulls(recorded)) == times


async def test_failures_of_a_registry_are_tried_again(tmp_path):
    recorded = Recorded((500, [{"message": "registry is on fire"}]), (200, [{"error": "EOF"}]), (200, LAYERS))
    outcome = await run(tmp_path, recorded)
    assert len(pulls(recorded)) == 3
    warned = [line.message for line in outcome.logs if "next attempt" in line.message]
    assert [line.split("s: ")[-1] for line in warned] == ["registry is on fire", "EOF"]


async def test_failures_that_do_not_end(tmp_path):
    recorded = Recorded(*[(502, [{"message": "bad gateway"}])] * 9)
    outcome = await run(tmp_path, recorded)
    assert len(pulls(recorded)) == 5
    assert outcome.message == "Image 'registry.example.com/app:7' could not be pulled: bad gateway"


@pytest.mark.parametrize(
    "answer",
    [
        (404, [{"message": "manifest for registry.example.com/app:7 not found: manifest unknown"}]),
        (500, [{"message": "pull access denied for app, repository does not exist or may require 'docker login'"}]),
        (200, [LAYERS[0], {"errorDetail": {"message": "manifest unknown"}, "error": "manifest unknown"}]),
    ],
)
async def test_an_unknown_image_is_named_at_once(tmp_path, answer):
    recorded = Recorded(answer)
    outcome = await run(tmp_path, recorded)
    assert outcome.state is State.FAILED
    assert outcome.message.startswith("Image 'registry.example.com/app:7' not found: ")
    assert len(pulls(recorded)) == 1


async def test_credentials_reach_the_engine_and_no_log(tmp_path):
    recorded = Recorded((401, [{"message": "unauthorized: hunter22 is wrong"}]))
    outcome = await run(tmp_path, recorded, "  credentials: {username: me, password: hunter22}")
    assert json.loads(base64.urlsafe_b64decode(recorded.logins[0])) == {
        "username": "me",
        "password": "hunter22",
        "serveraddress": "registry.example.com",
    }
    assert "hunter22" not in outcome.message + str(outcome.logs) + str(outcome.insights)


@pytest.mark.parametrize("as_text", [True, False])
async def test_logins_of_a_config_file(tmp_path, as_text):
    config = json.dumps({"auths": {"registry.example.com": {"auth": base64.b64encode(b"a:b").decode()}}})
    recorded = Recorded((200, LAYERS))
    await run(tmp_path, recorded, f"  config: '{config}'" if as_text else f"  config: {config}")
    assert json.loads(base64.urlsafe_b64decode(recorded.logins[0]))["username"] == "a"


async def test_a_config_that_is_no_json(tmp_path):
    outcome = await run(tmp_path, Recorded(), "  config: 'nonsense'")
    assert outcome.message == "`config` is no Docker config file: it must be a JSON object"
