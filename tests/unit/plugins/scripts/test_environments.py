"""Environments kept by their content: built once, whole or not at all, and cleaned (core plugins 17.6)."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from tests.unit.plugins.scripts.package_index import PackageIndex

from segue.plugins.scripts.python.environments import Environments, Install
from segue.plugins.scripts.python.installers import (
    explain,
    find_uv,
    install_with_pip,
    install_with_uv,
    installer_environment,
)
from segue.plugins.scripts.python.interpreters import Interpreter, interpreter_on_path
from segue.sdk import TaskFailed


class Fake:
    """Makes the skeleton of an environment, and counts."""

    def __init__(self, *, size: int = 10, seconds: float = 0.0) -> None:
        self.count = 0
        self._size = size
        self._seconds = seconds

    async def __call__(self, folder: Path) -> None:
        self.count += 1
        packages = folder / "lib" / "python3.11" / "site-packages"
        (packages / "alpha-1.0.dist-info").mkdir(parents=True)
        (packages / "alpha.py").write_bytes(b"#" * self._size)
        (folder / "bin").mkdir()
        (folder / "bin" / "python").symlink_to(sys.executable)
        await asyncio.sleep(self._seconds)


async def folder_of(environments: Environments, key: str, install: Install) -> Path:
    async with environments.use(key, install) as environment:
        assert Path(environment.python).exists()
        return environment.folder


async def test_an_environment_is_made_once_and_found_again(tmp_path: Path) -> None:
    install = Fake()
    first = Environments(tmp_path)
    async with first.use("key", install) as made, first.use("key", install) as again:
        assert made.is_new
        assert not again.is_new
        assert made.folder == again.folder
    assert await folder_of(Environments(tmp_path), "key", install) == made.folder
    assert await folder_of(first, "other", install) != made.folder
    assert install.count == 2


async def test_many_at_once_make_one(tmp_path: Path) -> None:
    install = Fake(seconds=0.05)
    here, there = Environments(tmp_path), Environments(tmp_path)  # as two workers: locks of files between them
    found = await asyncio.gather(*(folder_of(one, "key", install) for one in [here, there] * 5))
    assert len(set(found)) == 1
    assert install.count == 1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: (folder / "bin" / "python").unlink(),
        lambda folder: shutil.rmtree(folder / "lib"),
        lambda folder: shutil.rmtree(folder.parent),
        lambda folder: (next(folder.glob("lib/*/site-packages")) / "beta-1.dist-info").mkdir(),
        lambda folder: (next(folder.glob("lib/*/site-packages")) / "alpha-1.0.dist-info").rmdir(),
        lambda folder: next((folder.parent.parent.parent / "records").glob("*.json")).write_bytes(b'{"folder":'),
    ],
    ids=["no interpreter", "no packages", "no folder", "more packages", "fewer packages", "half a record"],
)
async def test_a_spoilt_one_is_made_again(tmp_path: Path, spoil: object) -> None:
    install = Fake()
    environments = Environments(tmp_path)
    folder = await folder_of(environments, "key", install)
    assert callable(spoil)
    spoil(folder)
    again = await folder_of(environments, "key", install)
    assert again != folder
    assert install.count == 2
    assert await folder_of(environments, "key", install) == again


async def test_what_fails_or_is_stopped_leaves_nothing(tmp_path: Path) -> None:
    async def fails(folder: Path) -> None:
        folder.mkdir()
        raise TaskFailed("no network")

    environments = Environments(tmp_path)
    with pytest.raises(TaskFailed, match="no network"):
        await folder_of(environments, "key", fails)
    slow = Fake(seconds=30)
    building = asyncio.create_task(folder_of(environments, "key", slow))
    while not slow.count:  # noqa: ASYNC110  the installer tells nobody
        await asyncio.sleep(0.01)
    building.cancel()
    with pytest.raises(asyncio.CancelledError):
        await building
    assert not list((tmp_path / "environments").iterdir())
    assert not list((tmp_path / "records").iterdir())
    assert await folder_of(environments, "key", Fake())


async def test_those_unused_for_longest_go_when_there_are_too_many(tmp_path: Path) -> None:
    environments = Environments(tmp_path, most_bytes=2500)
    install = Fake(size=1000)
    folders = [await folder_of(environments, key, install) for key in "ab"]
    for age, key in ((300, "a"), (200, "b")):
        os.utime(tmp_path / "records" / f"{key}.json", (age, age))
    assert await folder_of(environments, "a", install) == folders[0]  # used just now
    third = await folder_of(environments, "c", install)
    assert [folder.exists() for folder in [*folders, third]] == [True, False, True]
    assert install.count == 3


async def test_one_in_use_is_not_removed(tmp_path: Path) -> None:
    environments = Environments(tmp_path, most_bytes=1)
    async with environments.use("a", Fake()) as used:
        await folder_of(environments, "b", Fake())
        Environments(tmp_path, most_bytes=1).clean()
        assert Path(used.python).exists()
    environments.clean()
    assert not used.folder.exists()


async def test_what_a_killed_worker_left_is_removed_after_a_while(tmp_path: Path) -> None:
    left, young = tmp_path / "environments" / "left", tmp_path / "environments" / "young"
    for folder in (left, young):
        folder.mkdir(parents=True)
        (folder / ".lease").touch()
    os.utime(left, (0, 0))
    await folder_of(Environments(tmp_path), "a", Fake())
    assert not left.exists()
    assert young.exists()


async def test_a_private_one_is_gone_afterwards(tmp_path: Path) -> None:
    environments = Environments(tmp_path)
    async with environments.use(None, Fake()) as one, environments.use(None, Fake()) as other:
        assert one.folder != other.folder
        environments.clean()
        assert one.folder.exists()
    assert not list((tmp_path / "environments").iterdir())


@pytest.fixture
async def index(tmp_path: Path) -> AsyncIterator[PackageIndex]:
    async with AsyncExitStack() as stack:
        yield stack.enter_context(PackageIndex(tmp_path / "index"))


def variables(index: PackageIndex) -> dict[str, str]:
    env = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    return installer_environment({**env, "UV_DEFAULT_INDEX": index.url, "PIP_INDEX_URL": index.url})


async def installer(name: str, requirements: Path, env: dict[str, str]) -> Install:
    base = await interpreter_on_path(os.environ)
    if name == "pip":
        return lambda folder: install_with_pip(base, "", folder, requirements, env)
    uv = find_uv()
    assert uv is not None
    return lambda folder: install_with_uv(uv, base.executable, folder, requirements, env)


@pytest.mark.parametrize("manager", ["uv", "pip"])
async def test_packages_of_an_index_are_installed(tmp_path: Path, index: PackageIndex, manager: str) -> None:
    index.add("seguealpha", "1.0")
    index.add("seguealpha", "2.0")
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("seguealpha<2\n")
    install = await installer(manager, requirements, variables(index))
    environments = Environments(tmp_path / "environments")
    async with environments.use("key", install) as made:
        said = subprocess.check_output([made.python, "-c", "import seguealpha; print(seguealpha.VERSION)"], text=True)
        assert said == "1.0\n"
        assert (made.packages / "seguealpha.py").exists()
    asked = len(index.requests)
    async with environments.use("key", install) as again:
        assert not again.is_new
    assert len(index.requests) == asked


@pytest.mark.parametrize("manager", ["uv", "pip"])
async def test_a_package_that_is_not_there_is_named(tmp_path: Path, index: PackageIndex, manager: str) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("segue-no-such-package\n")
    install = await installer(manager, requirements, variables(index))
    with pytest.raises(TaskFailed, match="there is no package 'segue-no-such-package' in the package index"):
        await folder_of(Environments(tmp_path / "environments"), "key", install)


async def test_an_index_that_cannot_be_reached_is_said_without_its_password(tmp_path: Path) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("seguealpha\n")
    env = installer_environment(
        {**os.environ, "UV_DEFAULT_INDEX": "http://u:hidden@127.0.0.1:9/", "UV_HTTP_RETRIES": "0"}
    )
    with pytest.raises(TaskFailed, match="the package index cannot be reached") as caught:
        await folder_of(Environments(tmp_path / "e"), "key", await installer("uv", requirements, env))
    assert "hidden" not in str(caught.value)


async def test_a_stopped_installer_ends_with_all_it_has_started(tmp_path: Path) -> None:
    started = tmp_path / "pid"
    uv = tmp_path / "uv"
    uv.write_text(f"#!/bin/sh\nsleep 60 & echo $! > {started}.new; mv {started}.new {started}; wait\n")
    uv.chmod(0o755)
    installing = asyncio.create_task(install_with_uv(str(uv), "3", tmp_path / "env", tmp_path / "r", dict(os.environ)))
    while not started.exists():  # noqa: ASYNC110  same
        await asyncio.sleep(0.01)
    installing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await installing
    pid = int(started.read_text())
    for _ in range(500):
        status = Path(f"/proc/{pid}/stat")
        if not status.exists() or status.read_text().split()[2] == "Z":
            break
        await asyncio.sleep(0.01)
    else:
        pytest.fail("what the installer had started still runs")


def test_the_words_of_an_installer_are_kept_in_one_line() -> None:
    said = "  \u00d7 Failed to build `x`\n  \u2570\u2500\u25b6 Call failed at http://me:pw@example.org/x\n"
    assert explain(said, 1) == (
        "The dependencies cannot be installed: the installer ended with code 1. "
        "Failed to build `x` Call failed at http://***@example.org/x"
    )


async def test_pip_needs_a_python_of_the_version(tmp_path: Path) -> None:
    base = Interpreter(sys.executable, "3.11.7")
    with pytest.raises(TaskFailed, match=r"There is no python3\.99 on the PATH of the worker"):
        await install_with_pip(base, "3.99", tmp_path / "env", tmp_path / "r.txt", dict(os.environ))


async def test_a_python_is_known_by_what_it_says_of_itself(tmp_path: Path) -> None:
    script = tmp_path / "python3"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')  # as version managers have it
    script.chmod(0o755)
    found = await interpreter_on_path({"PATH": f"{tmp_path}:/usr/bin:/bin"})
    assert found.executable == sys.executable
    assert found.fits(f"{sys.version_info.major}.{sys.version_info.minor}")
    assert not found.fits("3.1")


async def test_a_machine_without_a_python(tmp_path: Path) -> None:
    with pytest.raises(TaskFailed, match="There is no python3 or python on the PATH"):
        await interpreter_on_path({"PATH": str(tmp_path)})


async def test_a_python_that_does_not_run_is_said(tmp_path: Path) -> None:
    script = tmp_path / "python3"
    script.write_text("#!/bin/sh\nexit 3\n")
    script.chmod(0o755)
    with pytest.raises(TaskFailed, match="does not work"):
        await interpreter_on_path({"PATH": str(tmp_path)})
