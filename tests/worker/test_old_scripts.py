"""The script tasks ``io.kestra.core.tasks.scripts`` (core plugins 17.9)."""

import pytest
from whole import open_whole

from segue.domain.execution.state import State
from segue.plugins.registry import PluginRegistry
from segue.plugins.scripts.legacy import Bash

OLD = "io.kestra.core.tasks.scripts."


@pytest.fixture
async def whole(tmp_path):
    async with open_whole(tmp_path) as opened:
        yield opened


async def run(whole, task):
    row, runs = await whole.run(f"  - id: t\n    type: {OLD}{task}")
    found = await whole.stage.database.outputs.get_many([runs["t"].id])
    outputs = await whole.stage.outputs(runs["t"].id) if found else None
    return row.state, outputs, await whole.stage.lines(runs["t"].id)


async def content_of(whole, uri):
    return b"".join([chunk async for chunk in whole.stage.storage.get("main", uri)]).decode()


async def test_bash_counts_lines_and_stores_named_files(whole):
    state, outputs, lines = await run(
        whole,
        """Bash
    inputFiles: {in.txt: x}
    outputFiles: [first, sub/second]
    files: [third]
    outputDirs: [dir]
    env: {A: 1}
    commands:
      - echo $A; echo two; echo three >&2
      - echo '::{"outputs":{"a":1}}::'
      - cat in.txt > {{ outputFiles.first }}
      - echo 2 > {{ temp['sub/second'] }}
      - mkdir {{ outputDirs.dir }}/deep && echo 4 > {{ outputDirs.dir }}/deep/f
""",
    )
    assert state is State.SUCCESS, lines
    assert {"INFO 1", "INFO two", "ERROR three"} <= set(lines)
    files = outputs.pop("files")
    assert outputs == {
        "vars": {"a": 1},
        "stdOutLineCount": 3,
        "stdErrLineCount": 1,
        "exitCode": 0,
        "outputFiles": files,
    }
    assert {name: await content_of(whole, uri) for name, uri in files.items()} == {
        "first": "x",
        "sub/second": "2\n",
        "third": "",
        "dir/deep/f": "4\n",
    }


async def test_bash_stops_at_the_first_failure_unless_told_otherwise(whole):
    commands = "    commands: ['false', echo after]\n"
    state, outputs, lines = await run(whole, f"Bash\n{commands}")
    assert (state, outputs["exitCode"]) == (State.FAILED, 1)
    assert lines[-1] == "ERROR Command failed with exit code 1"
    state, _, lines = await run(whole, f"Bash\n    exitOnFailed: false\n{commands}")
    assert (state, lines[-1]) == (State.SUCCESS, "INFO after")


@pytest.mark.parametrize("name", ["/etc/x", "../x", "a/../../x"])
async def test_files_outside_are_refused(whole, name):
    state, _, lines = await run(whole, f"Bash\n    outputFiles: ['{name}']\n    commands: [ls]\n")
    assert state is State.FAILED
    reason = f"Invalid outputFile (only relative path is supported) for path '{name}'"
    assert lines[-1] == f"ERROR {reason}"


async def test_python_has_an_environment_of_its_own_and_a_helper(whole):
    state, outputs, lines = await run(
        whole,
        """Python
    args: [a b]
    inputFiles:
      main.py: |
        import sys
        from kestra import Kestra
        Kestra.outputs({"own": sys.prefix != sys.base_prefix, "args": sys.argv[1:]})
        Kestra.counter("n", 2)
        Kestra.timer("t", 0.5)
""",
    )
    assert state is State.SUCCESS, lines
    assert outputs["vars"] == {"own": True, "args": ["a b"]}
    assert {(one.name, one.value) for one in whole.stage.jobs.metrics} >= {("n", 2), ("t", 500)}


async def test_python_without_an_environment_and_with_other_commands(whole):
    state, outputs, lines = await run(
        whole,
        """Python
    virtualEnv: false
    commands: [python3 main.py, python3 other.py]
    inputFiles: {main.py: print(1), other.py: print(2)}
""",
    )
    assert (state, outputs["stdOutLineCount"]) == (State.SUCCESS, 2), lines


async def test_node_runs_its_file(whole):
    state, outputs, lines = await run(
        whole,
        """Node
    inputFiles:
      main.js: |
        const Kestra = require("./kestra");
        Kestra.outputs({sum: 3, args: process.argv.slice(2)});
    args: [x]
""",
    )
    assert state is State.SUCCESS, lines
    assert outputs["vars"] == {"sum": 3, "args": ["x"]}


@pytest.mark.parametrize(("task", "name"), [("Python", "main.py"), ("Node", "main.js")])
async def test_a_program_is_needed(whole, task, name):
    state, _, lines = await run(whole, f"{task}\n    inputFiles: {{x: y}}\n")
    assert (state, lines[-1]) == (State.FAILED, f"ERROR `inputFiles` needs a file {name}")


def test_docker_of_old_becomes_a_task_runner():
    resolved = PluginRegistry(installed=False).resolve(f"{OLD}Bash")
    faults = resolved.validate({"commands": ["ls"], "runner": "DOCKER", "dockerOptions": {"image": "i"}})
    known = PluginRegistry(installed=False).find_runner("io.kestra.plugin.scripts.runner.docker.Docker")
    assert (faults == []) is (known is not None)
    assert resolved.validate({"commands": ["ls"], "runner": "PROCESS", "dockerOptions": {"image": "i"}}) == []
    assert Bash.model_validate({"commands": ["ls"]}).task_runner.type.endswith("Process")
