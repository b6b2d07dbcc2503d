"""The guide is followed word by word: the project is made, tested, installed, and its flow runs on a server."""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.command import segue
from tests.combinations import COMBINATIONS
from tests.installing import install
from tests.processes import ROOT, ServerProcess, running
from tests.rest import RestClient, summary

TEXT = (ROOT / "docs" / "guides" / "write-a-plugin.md").read_text(encoding="utf-8")
FILES = {
    name: text for _, name, text in re.findall(r"^```(python|yaml) (\S+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
}
LOGS = re.findall(r"^```logs (\w+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
TYPE = "com.example.shop.Select"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project as the guide leaves it."""
    folder = tmp_path_factory.mktemp("guide")
    (command,) = re.findall(r"^\$ segue (plugins new .*)$", TEXT, re.MULTILINE)
    made = segue(*command.split(), cwd=folder)
    assert made.returncode == 0, made.stderr
    project = folder / "shop"
    (entry,) = re.findall(r"^```toml\n(.*?)```$", TEXT, re.MULTILINE | re.DOTALL)
    assert entry in (project / "pyproject.toml").read_text()
    for name, text in FILES.items():
        (project / name).write_text(text)
    return project


@pytest.fixture(scope="module")
def plugins(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which it is installed, beside a plugin that is broken."""
    folder = tmp_path_factory.mktemp("plugins")
    install(project, folder)
    (folder / "broken_plugin.py").write_text("import no_such_driver_anywhere\n")
    return folder


@pytest.fixture(scope="module")
def server(plugins: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("server")
    combination = next(one for one in COMBINATIONS if (one.database, one.queue) == ("sqlite", "memory"))
    config = combination.config(folder) | {"plugins": {"paths": [str(plugins)]}}
    process = ServerProcess("plugin-guide", "standalone", folder, config)
    with running(process):
        yield process


def test_the_tests_of_the_project_pass(project: Path, plugins: Path) -> None:
    """Those of the guide, and those that were there before."""
    path = os.pathsep.join([str(plugins), str(ROOT / "src")])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=project, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 passed" in done.stdout


def test_the_command_lists_and_documents_it(plugins: Path, tmp_path: Path) -> None:
    (tmp_path / "segue.yml").write_text(f"segue: {{plugins: {{paths: ['{plugins}']}}}}\n")
    done = segue("plugins", "list", "--config", tmp_path / "segue.yml")
    assert done.returncode == 0, done.stderr
    assert re.search(rf"{re.escape(TYPE)} +task +segue-shop 0.1.0", done.stdout)
    assert re.search(r"broken_plugin +broken .*no_such_driver_anywhere", done.stdout)
    done = segue("plugins", "doc", TYPE, "--config", tmp_path / "segue.yml")
    assert "Select the orders of a country from a CSV file." in done.stdout
    assert "| `country` | string |  | Code of the country. (required, dynamic) |" in done.stdout
    assert "| `count` | integer |  | How many there are." in done.stdout


def test_the_flow_is_valid_where_the_plugin_is(project: Path, plugins: Path) -> None:
    file = project / "examples" / "orders.yaml"
    done = segue("flow", "validate", file, env={"SEGUE_PLUGINS_PATHS": str(plugins)})
    assert done.returncode == 0, done.stdout + done.stderr
    done = segue("flow", "validate", file)
    assert done.returncode == 1
    assert f"Invalid type: {TYPE}" in done.stdout + done.stderr


async def test_the_flow_runs_and_shows_what_happened(server: ServerProcess) -> None:
    async with RestClient(server.addresses.http) as client:
        await client.deploy(FILES["examples/orders.yaml"])
        started = await client.start("company.guide", "orders")
        ended = await client.wait(started["id"])
        ((state, said),) = LOGS
        assert ended["state"]["current"] == state, summary(ended)
        lines = [line["message"] for line in await client.logs(started["id"]) if line.get("taskId") != "file"]
        assert lines == said.splitlines()
        found = await client.json("GET", f"/executions/{started['id']}/insights")
        assert [(one["kind"], one["name"], one.get("state")) for one in found["results"]] == [
            ("STEP", "Select", "SUCCESS"),
            ("PROGRESS", "progress", None),
            ("TABLE", "First orders", None),
        ]
        assert found["results"][0]["content"] == {"country": "FR", "selected": 2}
        assert found["results"][2]["content"]["rows"] == [["1", "10.5"], ["3", "3"]]


async def test_the_command_shows_what_happened(server: ServerProcess) -> None:
    async with RestClient(server.addresses.http) as client:
        await client.deploy(FILES["examples/orders.yaml"])
        id_ = (await client.wait((await client.start("company.guide", "orders"))["id"]))["id"]
    done = await asyncio.to_thread(segue, "execution", "insights", id_, "--server", server.addresses.http)
    assert done.returncode == 0, done.stderr
    assert re.search(r"select\n.*✓ SUCCESS +Select +\d+ ms +country=FR +selected=2", done.stdout)
    assert re.search(r"progress +3 +orders read", done.stdout)
    assert "First orders" in done.stdout
    assert re.search(r"1 +│ 10\.5", done.stdout)
    listed = await asyncio.to_thread(segue, "execution", "insights", id_, "--json", "--server", server.addresses.http)
    assert [one["kind"] for one in json.loads(listed.stdout)] == ["STEP", "PROGRESS", "TABLE"]
    missing = await asyncio.to_thread(segue, "execution", "insights", "none", "--server", server.addresses.http)
    assert (missing.returncode, "not found" in missing.stderr) == (1, True)


async def test_the_server_shows_the_plugin_and_the_broken_one(server: ServerProcess) -> None:
    async with RestClient(server.addresses.http) as client:
        document = await client.json("GET", f"../plugins/{TYPE}")
        assert "Orders from France" in document["markdown"]
        groups = {one["group"]: one for one in (await client.json("GET", "../plugins"))["results"]}
        assert TYPE in [one["cls"] for one in groups["com.example.shop"]["tasks"]]
        (error,) = groups["broken_plugin"]["errors"]
        assert "no_such_driver_anywhere" in error["error"]
