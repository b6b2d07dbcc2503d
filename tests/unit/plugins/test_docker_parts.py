"""The Docker task runner without an engine: names, addresses, sizes, frames, files."""

import asyncio
import base64
import io
import json
import os
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from segue.plugins.scripts.runner.docker.address import find_address
from segue.plugins.scripts.runner.docker.archive import Owner, pack, remove_gone, unpack
from segue.plugins.scripts.runner.docker.creation import Wish, creation
from segue.plugins.scripts.runner.docker.frames import Frame, FrameReader
from segue.plugins.scripts.runner.docker.images import HUB, auth_header, login_for, login_of, read_image
from segue.plugins.scripts.runner.docker.leases import take
from segue.plugins.scripts.runner.docker.options import size_in_bytes
from segue.plugins.scripts.runner.docker.owners import numeric_owner
from segue.plugins.scripts.runner.docker.streams import read_by, written_by
from segue.sdk import Stream, TaskFailed


@pytest.mark.parametrize(
    ("text", "whole", "registry"),
    [
        ("ubuntu", "ubuntu:latest", HUB),
        ("ubuntu:22.04", "ubuntu:22.04", HUB),
        ("user/app:1", "user/app:1", HUB),
        ("docker.io/user/app", "docker.io/user/app:latest", HUB),
        ("localhost:5000/app", "localhost:5000/app:latest", "localhost:5000"),
        ("ghcr.io/a/b:x", "ghcr.io/a/b:x", "ghcr.io"),
        ("ghcr.io/a/b:x@sha256:12", "ghcr.io/a/b@sha256:12", "ghcr.io"),
        ("a@sha256:12", "a@sha256:12", HUB),
    ],
)
def test_names_of_images(text: str, whole: str, registry: str) -> None:
    image = read_image(text)
    assert (str(image), image.registry) == (whole, registry)
    assert str(read_image(whole)) == whole, "the tag is not doubled"


@pytest.mark.parametrize("spelling", ["https://index.docker.io/v1/", "docker.io", "https://registry-1.docker.io/v2"])
def test_all_spellings_of_the_hub_are_one(spelling: str) -> None:
    auth = base64.b64encode(b"me:pass:word").decode()
    login = login_for(read_image("ubuntu"), {"auths": {"ghcr.io": {"auth": "eDp5"}, spelling: {"auth": auth}}})
    assert login == {"username": "me", "password": "pass:word", "serveraddress": HUB}
    assert login_for(read_image("quay.io/x"), {"auths": {spelling: {"auth": auth}}}) is None
    assert login_for(read_image("quay.io/x"), {"auths": 7}) is None


def test_logins_of_other_kinds() -> None:
    entry = {"identityToken": "i", "registryToken": "r", "username": None, "auth": "no base64"}
    login = login_of("quay.io", entry)
    assert login == {"identitytoken": "i", "registrytoken": "r", "serveraddress": "quay.io"}
    assert json.loads(base64.urlsafe_b64decode(auth_header(login))) == login


@pytest.mark.parametrize(
    ("host", "environ", "shown", "socket", "url"),
    [
        ("/a.sock", {}, "unix:///a.sock", "/a.sock", "http://docker"),
        ("unix:///a.sock", {"DOCKER_HOST": "tcp://x:1"}, "unix:///a.sock", "/a.sock", "http://docker"),
        (None, {"DOCKER_HOST": "tcp://x:2375"}, "tcp://x:2375", None, "http://x:2375"),
        ("tcp://x:2376", {"DOCKER_TLS_VERIFY": "1"}, "tcp://x:2376", None, "https://x:2376"),
        ("https://x", {}, "https://x", None, "https://x"),
    ],
)
def test_addresses(host: str | None, environ: dict[str, str], shown: str, socket: str | None, url: str) -> None:
    address = find_address(host, {**environ, "HOME": "/nowhere"})
    assert (address.shown, address.socket, address.url) == (shown, socket, url)


def test_a_socket_of_the_user_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segue.plugins.scripts.runner.docker.address._DOCKER", "/no/docker.sock")
    monkeypatch.setattr("segue.plugins.scripts.runner.docker.address._PODMAN", "/no/podman.sock")
    environ = {"XDG_RUNTIME_DIR": str(tmp_path)}
    assert find_address(None, environ).shown == "unix:///dind/docker.sock"
    (tmp_path / "podman").mkdir()
    (tmp_path / "podman" / "podman.sock").touch()
    assert find_address(None, environ).socket == f"{tmp_path}/podman/podman.sock"


@pytest.mark.parametrize("host", ["ssh://me@host", "npipe:////./pipe/docker_engine", "nonsense", "tcp://"])
def test_other_addresses_are_refused(host: str) -> None:
    with pytest.raises(TaskFailed, match="is no address that can be used"):
        find_address(host, {})


def test_certificates_that_are_not_there(tmp_path: Path) -> None:
    address = find_address("https://x", {"DOCKER_CERT_PATH": str(tmp_path)})
    with pytest.raises(TaskFailed, match="DOCKER_CERT_PATH"):
        address.tls()


@pytest.mark.parametrize(
    ("text", "size"),
    [("64MB", 64 << 20), ("1g", 1 << 30), ("1.5 GiB", 3 << 29), ("100", 100), ("20kb", 20480), ("-1", -1)],
)
def test_sizes(text: str, size: int) -> None:
    assert size_in_bytes(text, "x") == size


def test_what_is_no_size() -> None:
    with pytest.raises(TaskFailed, match=r"memory\.memory is no size such as 64MB or 1GB: 'much'"):
        size_in_bytes("much", "memory.memory")


def frame(stream: int, text: bytes) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(text).to_bytes(4, "big") + text


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_frames_come_whole_however_they_are_cut(chunk: int) -> None:
    raw = (
        frame(1, b"2026-01-02T03:04:05.678901234Z one\n")
        + frame(2, b"2026-01-02T03:04:05+01:00 two")
        + frame(1, b"x y\n")
    )
    reader, found = FrameReader(), []
    for start in range(0, len(raw), chunk):
        found += list(reader.feed(raw[start : start + chunk]))
    assert found == [
        Frame(Stream.STDOUT, b"one\n", datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)),
        Frame(Stream.STDERR, b"two", datetime(2026, 1, 2, 2, 4, 5, tzinfo=UTC)),
        Frame(Stream.STDOUT, b"x y\n", None),
    ]


def test_what_is_no_stream_of_frames() -> None:
    with pytest.raises(ValueError, match="no stream of frames"):
        list(FrameReader().feed(b"plain text of a terminal"))


def wish(**changed: Any) -> Wish:
    given: dict[str, Any] = {
        "image": "i:1",
        "arguments": ["a"],
        "env": {"A": "1"},
        "folder": "/w",
        "labels": {"l": "1"},
        "user": "",
        "entry_point": [""],
        "ports": [],
        "host": {"NanoCpus": 5},
    }
    return Wish(**{**given, **changed})


def test_ports_of_each_form() -> None:
    body = creation(wish(ports=["127.0.0.1:8080:80/tcp", "53:53/udp", "9000", "[::1]:1:2"], user="ann"))
    assert body["HostConfig"]["PortBindings"] == {
        "80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}],
        "53/udp": [{"HostIp": "", "HostPort": "53"}],
        "9000/tcp": [{"HostIp": "", "HostPort": ""}],
        "2/tcp": [{"HostIp": "::1", "HostPort": "1"}],
    }
    assert set(body["ExposedPorts"]) == {"80/tcp", "53/udp", "9000/tcp", "2/tcp"}
    assert (body["User"], body["HostConfig"]["NanoCpus"], body["Env"]) == ("ann", 5, ["A=1"])
    with pytest.raises(TaskFailed, match="portBindings: 'x:y'"):
        creation(wish(ports=["x:y"]))


@pytest.mark.parametrize(
    ("user", "owner"),
    [("", (0, 0)), ("root", (0, 0)), ("5", (5, 0)), ("5:6", (5, 6)), ("ann", None), ("99999999999", None)],
)
def test_owners_by_number(user: str, owner: tuple[int, int] | None) -> None:
    assert numeric_owner(user) == owner


def archive(*members: tuple[str, Any]) -> io.BytesIO:
    """A text is a file; a pair is a type and the name that a link leads to."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as made:
        for name, what in members:
            info = tarfile.TarInfo(name)
            if isinstance(what, tuple):
                info.type, info.linkname = what
                made.addfile(info)
            else:
                info.size, info.mode = len(what), 0o4755
                made.addfile(info, io.BytesIO(what.encode()))
    content.seek(0)
    return content


DIR, SYM, HARD, FIFO = tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE


@pytest.mark.parametrize("top", ["work", "/work", "./work"])
def test_the_folder_at_the_top_is_left_out_however_it_is_written(tmp_path: Path, top: str) -> None:
    got = unpack(archive((top, (DIR, "")), (f"{top}/a/b", "1"), (f"{top}/c", (HARD, f"{top}/a/b"))), tmp_path, "work")
    assert got.names == {"a/b", "c"}
    assert (tmp_path / "c").read_text() == "1"
    assert (tmp_path / "c").stat().st_mode & 0o7777 == 0o755


def test_an_archive_without_a_folder_at_the_top(tmp_path: Path) -> None:
    assert unpack(archive(("/", (DIR, "")), ("/here/a", "1"), ("/b", "2")), tmp_path, "here").names == {"here/a", "b"}


@pytest.mark.parametrize(
    "members",
    [
        [("w/../../evil", "x")],
        [("w/out", (SYM, "..")), ("w/out/evil", "x")],
        [("w/out", (SYM, "/OUTSIDE")), ("w/out/evil", "x")],
        [("w/a", (SYM, "b/../../..")), ("w/a/evil", "x")],
        [("w/in", (SYM, "sub")), ("w/sub", (SYM, "..")), ("w/in/evil", "x")],
        [("w/there/evil", "x")],
        [("w/linked", "x")],
        [("w/steal", (HARD, "/etc/passwd"))],
        [("w/steal", (HARD, "w/there/victim"))],
        [("w/steal", (HARD, "w/linked"))],
        [("w/pipe", (FIFO, ""))],
    ],
)
def test_nothing_leaves_the_folder(tmp_path: Path, members: list[tuple[str, Any]]) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "w"
    outside.mkdir()
    folder.mkdir()
    (outside / "victim").write_text("kept")
    (folder / "there").symlink_to(outside)
    (folder / "linked").symlink_to(outside / "victim")
    unpack(
        archive(
            ("w", (DIR, "")),
            *[(n, (k[0], k[1].replace("/OUTSIDE", str(outside))) if isinstance(k, tuple) else k) for n, k in members],
        ),
        folder,
        "w",
    )
    assert [path.name for path in outside.iterdir()] == ["victim"]
    assert (outside / "victim").read_text() == "kept"
    assert not (tmp_path / "evil").exists()
    assert not (folder / "steal").exists()
    assert not (folder / "pipe").exists()


def test_there_and_back(tmp_path: Path) -> None:
    folder, other = tmp_path / "w", tmp_path / "v"
    for each in (folder / "sub" / "empty", other):
        each.mkdir(parents=True)
    (folder / "run.sh").write_text("#!")
    (folder / "run.sh").chmod(0o750)
    (folder / "sub" / "ü").write_text("deep")
    (folder / "link").symlink_to("sub/ü")
    os.mkfifo(folder / "pipe")
    packed = io.BytesIO()
    sent = pack(folder, Owner(5, 6), packed)
    assert (sent.names, sent.left_out, sent.bytes) == ({"run.sh", "sub/ü", "link"}, ["pipe"], 6)
    packed.seek(0)
    with tarfile.open(fileobj=packed) as opened:
        assert {(member.uid, member.gid) for member in opened} == {(5, 6)}
    packed.seek(0)
    assert unpack(packed, other, "w").names == sent.names
    assert (other / "run.sh").stat().st_mode & 0o777 == 0o750
    assert (other / "link").read_text() == "deep"
    assert (other / "sub" / "empty").is_dir()


def test_files_that_are_gone(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "f").touch()
    folder = tmp_path / "w"
    folder.mkdir()
    (folder / "a").touch()
    (folder / "link").symlink_to(outside)
    remove_gone(folder, {"a", "link/f", "gone/b"})
    assert not (folder / "a").exists()
    assert (outside / "f").exists()
    assert not (folder / "gone").exists()


async def test_streams_are_bounded_and_pass_errors_on() -> None:
    def write(to: BinaryIO) -> None:
        to.writelines(bytes([number % 256]) * 1000 for number in range(1000))

    def read(source: BinaryIO) -> int:
        size = 0
        while chunk := source.read(333):
            size += len(chunk)
        return size

    assert await read_by(written_by(write), read) == 1_000_000

    def fails(_: BinaryIO) -> None:
        raise OSError("no disk")

    with pytest.raises(OSError, match="no disk"):
        async for _ in written_by(fails):
            pass
    with pytest.raises(OSError, match="no disk"):
        await read_by(written_by(write), fails)


async def test_a_reader_that_goes_ends_the_writer() -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    def write(to: BinaryIO) -> None:
        try:
            while True:
                to.write(b"x" * 1000)
        finally:
            loop.call_soon_threadsafe(ended.set)

    chunks = written_by(write)
    assert await anext(chunks) == b"x" * 1000
    await chunks.aclose()
    async with asyncio.timeout(5):
        await ended.wait()


def test_a_lease_is_held_once() -> None:
    first = take("test-lease")
    assert first is not None
    assert take("test-lease") is None
    first.release()
    again = take("test-lease")
    assert again is not None
    again.release()
