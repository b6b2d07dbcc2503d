"""Plugins of other distributions and of folders, and those that are broken."""

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from segue.domain.errors import UnavailableError
from segue.domain.flow import parse_flow
from segue.plugins.registry import PluginRegistry

TASK = """
from typing import ClassVar
from segue.sdk import RunContext, Task

class {name}(Task):
    type: ClassVar[str] = "{type}"
    aliases: ClassVar[frozenset[str]] = frozenset({{"old.{name}"}})
    word: str = ""

    async def run(self, context: RunContext) -> None:
        context.logger.info(self.word)
"""


class Folder:
    """A folder of plugins; what was imported from it is forgotten after the test."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, text: str) -> None:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text))

    def distribution(self, name: str, entries: str, *files: str) -> None:
        """What an installer leaves behind."""
        info = f"{name}-1.0.dist-info"
        self.write(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        self.write(f"{info}/entry_points.txt", f"[segue.plugins]\n{entries}\n")
        self.write(f"{info}/RECORD", "".join(f"{file},,\n" for file in (*files, f"{info}/METADATA")))

    def registry(self) -> PluginRegistry:
        return PluginRegistry(folders=[self.path])


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    before = set(sys.modules), list(sys.path)
    yield Folder(tmp_path)
    for name in set(sys.modules) - before[0]:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]
    sys.path[:] = before[1]


def test_a_single_type_is_loaded_when_it_is_asked_for(folder: Folder) -> None:
    folder.write("one_plugin.py", TASK.format(name="One", type="disc.One"))
    folder.distribution("one-plugin", "disc.One = one_plugin:One", "one_plugin.py")
    registry = folder.registry()
    assert registry.canonical("disc.One") == "disc.One"
    assert "one_plugin" not in sys.modules
    plugin = registry.find("disc.One")
    assert plugin is not None
    assert plugin.type == "disc.One"
    assert registry.origin("disc.One") == "one-plugin 1.0"
    assert registry.faults() == {}


def test_a_group_is_read_when_a_type_begins_with_its_name(folder: Folder) -> None:
    folder.write("grp_a/__init__.py", "")
    folder.write("grp_a/below/__init__.py", "")
    folder.write("grp_a/below/deep.py", TASK.format(name="Deep", type="disc.a.Deep"))
    folder.write("grp_b.py", 'PLUGINS = {"disc.b.One": "grp_b_parts:One"}')
    folder.write("grp_b_parts.py", TASK.format(name="One", type="disc.b.One"))
    folder.distribution("groups", "disc.a = grp_a\ndisc.b = grp_b", "grp_a/__init__.py", "grp_b.py", "grp_b_parts.py")
    registry = folder.registry()
    assert registry.find("disc.a.Deep") is not None
    assert "grp_b" not in sys.modules
    assert registry.canonical("OLD.deep") == "disc.a.Deep"
    assert registry.canonical("disc.b.One") == "disc.b.One"
    assert "grp_b_parts" not in sys.modules
    assert registry.canonical("disc.a.Nothing") is None
    assert {"disc.a.Deep", "disc.b.One"} <= set(registry.types())


def test_a_list_of_classes(folder: Folder) -> None:
    text = TASK.format(name="Listed", type="disc.Listed") + TASK.format(name="Hidden", type="disc.Hidden")
    folder.write("listing_plugin.py", f"{text}\nPLUGINS = [Listed]")
    registry = folder.registry()
    assert registry.find("disc.Listed") is not None
    assert registry.canonical("disc.Hidden") is None
    folder.write("wrong_listing.py", "PLUGINS = ['disc.Wrong']")
    assert "wrong_listing" in folder.registry().faults()


def test_modules_that_lie_in_a_folder_are_looked_through(folder: Folder) -> None:
    folder.write("loose_plugin.py", TASK.format(name="Loose", type="disc.Loose"))
    folder.write("_private.py", "raise RuntimeError('never imported')")
    registry = folder.registry()
    assert registry.find("disc.Loose") is not None
    assert registry.origin("disc.Loose") == str(folder.path)
    assert registry.faults() == {}


def test_broken_plugins_stop_nothing_and_say_why(folder: Folder) -> None:
    folder.write("good_plugin.py", TASK.format(name="Good", type="disc.Good"))
    folder.write("bad_import.py", "import there_is_no_such_module_here")
    folder.write("bad_code.py", "raise SystemError('on import')")
    folder.write("bad_syntax.py", "def (")
    folder.write("bad_script.py", "import sys\nsys.exit(3)")
    folder.write("bad_package/__init__.py", "")
    folder.write("bad_package/broken.py", "1 / 0")
    folder.write("bad_package/fine.py", TASK.format(name="Fine", type="disc.Fine"))
    folder.write("bad_single.py", "import there_is_no_such_module_here")
    folder.distribution("bad", "disc.Single = bad_single:Single\ndisc.Gone = good_plugin:Gone", "bad_single.py")
    registry = folder.registry()
    assert {"disc.Good", "disc.Fine", "disc.Single"} <= set(registry.types())
    faults = registry.faults()
    assert set(faults) == {
        "bad_import",
        "bad_code",
        "bad_syntax",
        "bad_script",
        "bad_package.broken",
        "disc.Single",
        "disc.Gone",
    }
    assert "there_is_no_such_module_here" in faults["bad_import"]
    assert faults["bad_package.broken"] == "ZeroDivisionError: division by zero"
    with pytest.raises(UnavailableError, match="there_is_no_such_module_here"):
        registry.find("disc.Single")


def test_a_flow_with_a_broken_plugin_has_a_fault_that_says_why(folder: Folder) -> None:
    folder.write("bad_exit.py", "raise SystemExit('bye')")
    folder.write("bad_flow.py", "raise OSError('no driver')")
    folder.distribution("bad", "disc.Broken = bad_flow:Broken", "bad_flow.py")
    text = "id: f\nnamespace: a.b\ntasks:\n  - id: t\n    type: disc.Broken\n    colour: red\n"
    for _ in range(2):
        report = parse_flow(text, folder.registry())
        (fault,) = report.violations
        assert (fault.path, fault.line) == ("tasks[0].type", 5)
        assert "The plugin 'disc.Broken' cannot be loaded from 'bad_flow:Broken': no driver" in fault.message
    with pytest.raises(UnavailableError, match="bye"):
        PluginRegistry({"disc.Exit": "bad_exit:Exit"}, folders=[folder.path]).find("disc.Exit")
    assert parse_flow(text, folder.registry(), strict=False).valid_flow().tasks


def test_types_of_this_distribution_cannot_be_replaced(folder: Folder) -> None:
    log = "io.kestra.plugin.core.log.Log"
    folder.write("thief_plugin.py", TASK.format(name="Log", type=log))
    registry = folder.registry()
    found = registry.find(log)
    registry.types()
    assert found is registry.find(log)
    assert found is not None
    assert found.__module__ == "segue.plugins.core.log"


def test_two_who_bring_the_same_type(folder: Folder) -> None:
    folder.write("twin_a.py", TASK.format(name="Twin", type="disc.Twin"))
    folder.write("twin_b.py", TASK.format(name="Twin", type="disc.Twin"))
    registry = folder.registry()
    assert "brings it as well" in registry.faults()["disc.Twin"]
    found = registry.find("disc.Twin")
    assert found is not None
    assert found.__module__ == "twin_a"


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    missing = tmp_path / "none"
    assert PluginRegistry(folders=[missing]).faults() == {str(missing): "there is no such folder"}
