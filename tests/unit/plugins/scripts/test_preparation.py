"""What a command is told of its packages, here and in containers (core plugins 17.6)."""

import logging
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import ClassVar, cast

import pytest
from tests.unit.plugins.scripts.package_index import PackageIndex

from segue.plugins.core.runner import Process
from segue.plugins.scripts.python.environments import Environments
from segue.plugins.scripts.python.home import STAND_IN, PythonHome, leave, settle
from segue.plugins.scripts.python.preparation import PACKAGES_FOLDER, Wanted, prepared, requirements_of
from segue.plugins.scripts.scene import Scene
from segue.sdk import RunContext, TaskRunner

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


class Elsewhere(TaskRunner):
    """A runner whose commands run in an image."""

    type: ClassVar[str] = "org.example.Elsewhere"
    needs_image: ClassVar[bool] = True

    def seen_as(self, working_dir: Path) -> PurePosixPath:
        return PurePosixPath("/inside")


class Context:
    """As much of a run as is needed."""

    logger = logging.getLogger("tests.preparation")

    def __init__(self, folder: Path) -> None:
        self.working_dir = folder
        self.metrics = self
        self.timers: list[str] = []

    def timer(self, name: str, value: timedelta) -> None:
        assert value > timedelta(0)
        self.timers.append(name)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[PackageIndex]:
    home = PythonHome(Environments(tmp_path / "environments"))
    settle(home)
    with PackageIndex(tmp_path / "index") as index:
        index.add("seguealpha")
        yield index
    leave(home)


def scene_in(folder: Path, runner: TaskRunner) -> tuple[Scene, Context]:
    folder.mkdir()
    context = Context(folder)
    return Scene(cast("RunContext", context), runner, has_output_dir=False), context


async def test_containers_find_a_copy_in_the_working_directory(tmp_path: Path, index: PackageIndex) -> None:
    scene, _ = scene_in(tmp_path / "wd", Elsewhere())
    wanted = Wanted(requirements_of(["seguealpha"], scene.folder), VERSION)
    async with prepared(scene, wanted, {"UV_DEFAULT_INDEX": index.url, "PYTHONPATH": "/mine"}):
        assert (scene.folder / PACKAGES_FOLDER / "seguealpha.py").is_file()
    assert scene.env == {"PYTHONPATH": f"/inside/{PACKAGES_FOLDER}:/mine"}
    assert scene.program is None


async def test_commands_here_find_the_environment(tmp_path: Path, index: PackageIndex) -> None:
    scene, context = scene_in(tmp_path / "wd", Process())
    wanted = Wanted(requirements_of(["seguealpha"], scene.folder))
    env = {"UV_DEFAULT_INDEX": index.url, "PATH": "/usr/bin:/bin"}
    for _ in range(2):
        async with prepared(scene, wanted, env):
            folder = Path(scene.env["VIRTUAL_ENV"])
            assert scene.program == str(folder / "bin" / "python")
            assert scene.env["PATH"] == f"{folder}/bin:/usr/bin:/bin"
            assert scene.env["PYTHONPATH"] == str(STAND_IN)
    assert context.timers == ["deps.cache.upload.duration", "deps.cache.download.duration"]


async def test_without_anything_wanted_nothing_is_installed(tmp_path: Path, index: PackageIndex) -> None:
    scene, context = scene_in(tmp_path / "wd", Process())
    async with prepared(scene, Wanted(requirements_of([], scene.folder)), {}):
        assert scene.env == {"PYTHONPATH": str(STAND_IN)}
        assert scene.program is None
    assert (context.timers, index.requests) == ([], [])


def test_a_large_file_of_requirements_is_refused(tmp_path: Path) -> None:
    (tmp_path / "large.txt").write_text("# " + "x" * 1024 * 1024)
    with pytest.raises(Exception, match="is larger than 1 MiB"):
        requirements_of(["-r large.txt"], tmp_path)
