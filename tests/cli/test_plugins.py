"""``segue plugins``: list, doc, new."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.command import ROOT, segue
from tests.installing import install

SET = "io.kestra.plugin.core.kv.Set"


def test_the_list_holds_plugins_and_the_language() -> None:
    done = segue("plugins", "list", "--json")
    assert done.returncode == 0, done.stderr
    entries = {entry["type"]: entry for entry in json.loads(done.stdout)}
    assert entries[SET] == {"type": SET, "kind": "task", "origin": "segue"}
    assert entries["io.kestra.plugin.core.flow.ForEach"]["kind"] == "task"
    assert entries["io.kestra.plugin.core.trigger.Schedule"]["kind"] == "trigger"
    few = segue("plugins", "list", "KV.")
    named = [line.split()[0] for line in few.stdout.splitlines()[1:]]
    assert SET in named
    assert all("kv." in name.lower() for name in named)
    assert segue("plugins", "list", "nothing.of.this.kind", "--json").stdout.strip() == "[]"


def test_documentation_of_a_type_or_alias() -> None:
    text = segue("plugins", "doc", SET).stdout
    assert text.startswith(f"# Set\n\n```yaml\ntype: {SET}\n```\n")
    assert "## Properties" in text
    assert "| `overwrite` | boolean or string | `true` |" in text
    assert segue("plugins", "doc", "io.kestra.core.tasks.log.Log").stdout.startswith("# Log\n")
    schema = json.loads(segue("plugins", "doc", SET, "--schema", "--all").stdout)
    assert {"key", "timeout"} <= set(schema["properties"]["properties"])


def test_a_type_that_is_not_there() -> None:
    done = segue("plugins", "doc", "io.kestra.plugin.core.kv.Sett")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"there is no type io.kestra.plugin.core.kv.Sett; did you mean {SET}" in done.stderr


def test_a_broken_type_says_why(tmp_path: Path) -> None:
    folder = tmp_path / "plugins"
    info = folder / "bad-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bad\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[segue.plugins]\ncli.Bad = no_such_module:Bad\n")
    (tmp_path / "segue.yml").write_text(f"segue: {{plugins: {{paths: ['{folder}']}}}}\n")
    done = segue("plugins", "doc", "cli.Bad", "--config", tmp_path / "segue.yml")
    assert done.returncode == 1
    assert "The plugin 'cli.Bad' cannot be loaded" in done.stderr
    listed = segue("plugins", "list", "cli.", "--json", "--config", tmp_path / "segue.yml")
    (entry,) = json.loads(listed.stdout)
    assert (entry["kind"], entry["origin"]) == ("broken", "bad 1.0")


def test_a_new_plugin_works_as_it_is(tmp_path: Path) -> None:
    made = segue("plugins", "new", "day-greetings", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    project, folder = tmp_path / "day-greetings", tmp_path / "site"
    folder.mkdir()
    install(project, folder)
    path = os.pathsep.join([str(folder), str(ROOT / "src")])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=project, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout
    listed = segue("plugins", "list", "--json", "day_greetings", env={"PYTHONPATH": path})
    assert [entry["type"] for entry in json.loads(listed.stdout)] == ["org.example.day_greetings.Greet"]
    checked = segue("flow", "validate", project / "examples" / "greet.yaml", env={"PYTHONPATH": path})
    assert checked.returncode == 0, checked.stdout + checked.stderr
    again = segue("plugins", "new", "day-greetings", cwd=tmp_path)
    assert again.returncode == 1
    assert "is there already and not an empty folder" in again.stderr


@pytest.mark.parametrize(
    "arguments", [["Greet"], ["../greet"], ["a--b"], ["1st"], ["greet", "--prefix", "Org"], ["x" * 61]]
)
def test_names_that_cannot_be(tmp_path: Path, arguments: list[str]) -> None:
    done = segue("plugins", "new", *arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert "cannot" in done.stderr
    assert not list(tmp_path.iterdir())
