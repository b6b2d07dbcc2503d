"""Script tasks on the process runner: a real worker, real programs."""

import shutil
import time
from pathlib import Path

import pytest
from whole import open_whole

from segue.domain.execution.state import State
from segue.plugins.core.runner import Process
from segue.plugins.scripts.shell import Commands
from segue.sdk.testing import run_task

SHELL = "io.kestra.plugin.scripts.shell."
PYTHON = "io.kestra.plugin.scripts.python."


@pytest.fixture
async def whole(tmp_path):
    async with open_whole(tmp_path) as opened:
        yield opened


def shell(*commands, more=""):
    lines = "".join(f"      - |-\n        {command}\n" for command in commands)
    return f"  - id: t\n    type: {SHELL}Commands\n{more}    commands:\n{lines}"


def script(text, kind=SHELL, more=""):
    body = "".join(f"      {line}\n" for line in text.splitlines())
    return f"  - id: t\n    type: {kind}Script\n{more}    script: |\n{body}"


async def run(whole, tasks, head=""):
    row, runs = await whole.run(tasks, head)
    return row.state, await outputs_of(whole, runs["t"].id), await whole.stage.lines(runs["t"].id)


async def outputs_of(whole, run_id):
    found = await whole.stage.database.outputs.get_many([run_id])
    return await whole.stage.outputs(run_id) if found else None


async def content_of(whole, uri):
    return b"".join([chunk async for chunk in whole.stage.storage.get("main", uri)]).decode()


def kept(lines):
    return [line for line in lines if not line.startswith("DEBUG The command runs as process")]


async def test_lines_of_both_streams_are_logged(whole):
    state, outputs, lines = await run(whole, shell("echo 1", "echo 2", "echo 3 >&2", "echo 4 >&2"))
    assert state is State.SUCCESS
    assert outputs == {"vars": {}, "exitCode": 0}
    assert [line for line in lines if "INFO" in line] == ["INFO 1", "INFO 2"]
    assert [line for line in lines if "ERROR" in line] == ["ERROR 3", "ERROR 4"]


async def test_an_exit_code_fails_the_task_and_outputs_are_kept(whole):
    state, outputs, lines = await run(
        whole,
        shell("""echo '::{"outputs": {"a": 1}}::'""", "echo x > f.txt", "exit 66", more="    outputFiles: ['*']\n"),
    )
    assert state is State.FAILED
    assert (outputs["vars"], outputs["exitCode"]) == ({"a": 1}, 66)
    assert list(outputs["outputFiles"]) == ["f.txt"]
    assert lines[-1] == "ERROR Command failed with exit code 66"


async def test_the_first_failure_ends_the_task_unless_told_otherwise(whole):
    state, outputs, lines = await run(whole, shell("no-such-command", "echo after"))
    assert (state, outputs["exitCode"]) == (State.FAILED, 127)
    assert "INFO after" not in lines
    state, outputs, lines = await run(whole, shell("no-such-command", "echo after", more="    failFast: false\n"))
    assert (state, outputs["exitCode"]) == (State.SUCCESS, 0)
    assert "INFO after" in lines


@pytest.mark.parametrize(
    ("signal", "said"),
    [("KILL", "SIGKILL; perhaps there was not enough memory"), ("TERM", "SIGTERM")],
)
async def test_a_program_that_a_signal_ended_is_explained(whole, signal, said):
    state, outputs, lines = await run(whole, shell(f"kill -{signal} $$"))
    code = {"KILL": 137, "TERM": 143}[signal]
    assert (state, outputs["exitCode"]) == (State.FAILED, code)
    assert lines[-2:] == [
        f"WARN Exit code {code}: the command was ended by {said}",
        f"ERROR Command failed with exit code {code}",
    ]


async def test_outputs_metrics_and_logs_come_from_lines(whole):
    state, outputs, lines = await run(
        whole,
        script(
            """echo '::{"outputs":{"a":1,"extract":null,"m":{"x":[1]}}}::'
echo '::{"outputs":{"a":"two"},"metrics":[{"name":"n","type":"counter","value":3,"tags":{"name":"t"}}]}::' >&2
echo '::{"metrics":[{"name":"d","type":"timer","value":1.5},{"name":"g","type":"gauge","value":2}]}::'
echo '::{"logs":[{"level":"WARN","message":"careful"}]}::'
echo '::{"outputs":{"a":}}::'
echo 'text ::{"outputs":{"a":3}}::'"""
        ),
    )
    assert state is State.SUCCESS
    assert outputs["vars"] == {"a": "two", "extract": None, "m": {"x": [1]}}
    assert sorted(kept(lines)) == [
        'INFO text ::{"outputs":{"a":3}}::',
        'WARN Invalid outputs \'{"outputs":{"a":}}\'',
        "WARN careful",
    ]
    metrics = {metric.name: (metric.type, metric.value, metric.tags) for metric in whole.stage.jobs.metrics}
    assert metrics["n"] == ("counter", 3, {"name": "t"})
    assert metrics["d"][:2] == ("timer", 1500)
    assert metrics["g"][:2] == ("gauge", 2)


async def test_commands_run_in_one_shell_after_those_before(whole):
    state, _, lines = await run(
        whole,
        shell(
            "echo $A in ${PWD##*/}",
            "cd ..",
            "echo $B {{ workingDir }} $WORKING_DIR",
            more="    beforeCommands: [export A=1, echo quiet, mkdir -p sub, cd sub]\n    env: {B: 7, C: true, D: null}\n",
        ),
    )
    assert state is State.SUCCESS
    assert kept(lines)[:2] == ["DEBUG quiet", "INFO 1 in sub"]
    _, seven, rendered, given = kept(lines)[2].split()
    assert seven == "7"
    assert rendered == given
    assert Path(given).name.startswith("segue-")


async def test_files_go_in_and_out(whole):
    state, outputs, lines = await run(
        whole,
        f"""
  - id: first
    type: {SHELL}Commands
    outputFiles: [data.csv]
    commands: ["echo 1,2 > data.csv"]
  - id: t
    type: {SHELL}Commands
    inputFiles:
      in.txt: "{{{{ flow.id }}}}"
    outputFiles: ["sub/**/*.csv", named.txt]
    commands:
      - cat in.txt; echo
      - cat {{{{ outputs.first.outputFiles['data.csv'] }}}}
      - mkdir -p sub/dir && cp {{{{ outputs.first.outputFiles['data.csv'] }}}} sub/dir/file.csv
      - echo hello > {{{{ outputFiles['named.txt'] }}}}
      - ls | grep -v sub
""",
    )
    assert (state, kept(lines)[:2]) == (State.SUCCESS, ["INFO f", "INFO 1,2"])
    assert set(outputs["outputFiles"]) == {"sub/dir/file.csv", "named.txt"}
    assert await content_of(whole, outputs["outputFiles"]["sub/dir/file.csv"]) == "1,2\n"
    assert await content_of(whole, outputs["outputFiles"]["named.txt"]) == "hello\n"


async def test_a_uri_that_is_not_there_fails_the_task(whole):
    state, outputs, lines = await run(whole, shell("cat kestra:///io/test/_files/none.txt; echo"))
    assert (state, outputs) == (State.FAILED, None)
    assert "there is no file" in lines[-1]


async def test_the_output_directory_of_old(whole):
    more = "    outputDirectory: true\n"
    state, outputs, _ = await run(
        whole, shell("mkdir $OUTPUT_DIR/a && echo 1 > {{ outputDir }}/a/b.txt", "echo 2 > c", more=more)
    )
    assert state is State.SUCCESS
    assert list(outputs["outputFiles"]) == ["a/b.txt"]
    state, _, lines = await run(whole, shell("echo 1 > '{{ outputDir }}/a b'", more="    runner: PROCESS\n"))
    assert state is State.FAILED
    assert lines[-1].startswith("ERROR Output file 'a b' contains unsupported characters.")
    state, outputs, lines = await run(whole, shell("echo 1 > '{{ outputDir }}/a b'", "exit 2", more=more))
    assert (state, list(outputs["outputFiles"])) == (State.FAILED, ["a b"])
    assert lines[-1] == "ERROR Command failed with exit code 2"


async def test_the_interpreter_can_be_another_one_or_none(whole):
    state, _, lines = await run(
        whole, shell("[[ a == a ]] && echo bash", more="    interpreter: [/bin/bash, -c]\n    targetOS: LINUX\n")
    )
    assert (state, kept(lines)) == (State.SUCCESS, ["INFO bash"])
    state, _, lines = await run(whole, shell("echo", "$HOME", "a  b", more="    interpreter: []\n"))
    assert (state, kept(lines)) == (State.SUCCESS, ["INFO $HOME a  b"])
    state, _, lines = await run(whole, shell("x", more="    interpreter: [/no/such/shell, -c]\n"))
    assert state is State.FAILED
    assert lines[-1] == "ERROR The program '/no/such/shell' cannot be started: No such file or directory"


async def test_long_lines_and_texts_come_through(whole):
    state, outputs, lines = await run(
        whole,
        f"""
  - id: t
    type: {PYTHON}Script
    script: |
      import json
      print("x" * 20000)
      print("::" + json.dumps({{"outputs": {{"long": "y" * 50000}}}}) + "::")
      print({"a" * 150_000!r}[:3])
""",
    )
    assert state is State.SUCCESS
    assert kept(lines) == ["INFO " + "x" * 20000, "INFO aaa"]
    assert outputs["vars"] == {"long": "y" * 50000}
    state, _, lines = await run(whole, script("# " + "b" * 150_000 + "\necho '{{ flow.id }}'"))
    assert (state, kept(lines)) == (State.SUCCESS, ["INFO f"])


async def test_a_line_without_an_end_takes_no_memory(whole):
    state, _, lines = await run(whole, shell("head -c 100000000 /dev/zero | tr '\\\\0' x", "echo", "echo after"))
    assert state is State.SUCCESS
    assert kept(lines)[-1] == "INFO after"
    assert kept(lines)[-2].endswith("... (95805696 bytes more of this line are left out)")


async def test_output_that_is_no_text(whole):
    state, _, lines = await run(whole, shell("printf 'a\\0\\377b\\r50%%\\r\\n100%%'"))
    assert (state, kept(lines)) == (State.SUCCESS, ["INFO a\ufffd\ufffdb", "INFO 50%", "INFO 100%"])


async def test_many_lines_keep_their_order(whole):
    state, _, lines = await run(whole, script("for i in $(seq 2000); do echo $i; done"))
    assert state is State.SUCCESS
    assert kept(lines) == [f"INFO {number}" for number in range(1, 2001)]


async def test_python_knows_json_words_and_prints_at_once(whole):
    state, outputs, lines = await run(
        whole,
        script(
            'import os, sys\nprint(true, false, null, os.environ["PYTHONUNBUFFERED"], os.environ["X"])\n'
            'print("to stderr", file=sys.stderr)\nraise SystemExit(3)',
            PYTHON,
            "    env: {X: y}\n    containerImage: python:3\n",
        ),
    )
    assert (state, outputs["exitCode"]) == (State.FAILED, 3)
    assert "INFO True False None true y" in lines
    assert "ERROR to stderr" in lines
    assert "DEBUG `containerImage` is not used by io.kestra.plugin.core.runner.Process" in lines


async def test_commands_do_not_see_what_is_the_servers(whole, monkeypatch):
    for name in ("SECRET_KEY", "SEGUE_URL", "kestra_x", "WORKERS_OWN"):
        monkeypatch.setenv(name, "visible")
    state, _, lines = await run(whole, shell("env | grep visible | sort", "cat"))
    assert (state, kept(lines)) == (State.SUCCESS, ["INFO WORKERS_OWN=visible"])


@pytest.mark.parametrize("how", ["timeout", "kill"])
async def test_all_processes_end_when_the_task_is_stopped(whole, how, tmp_path):
    pids = tmp_path / "pids"
    more = "    timeout: PT1S\n" if how == "timeout" else ""
    tasks = shell(
        "trap '' TERM",
        f"sleep 300 & echo $! >> {pids}",
        f"setsid sleep 301 & sleep 0.2; pgrep -f 'sleep 30[1]' -n >> {pids}; echo $$ >> {pids}",
        "echo ready",
        "sleep 302",
        "sleep 303",
        more=more,
    )
    begun = time.monotonic()
    execution = await whole.begin(tasks)
    await whole.stage.until(lambda: pids.exists() and len(pids.read_text().split()) == 3)
    if how == "kill":
        (token,) = whole.stage.workers[0]._runner.held()[0]
        whole.stage.workers[0]._runner.kill([token])
    row, runs = await whole.ended(execution.id)
    assert row.state is (State.KILLED if how == "kill" else State.FAILED)
    assert time.monotonic() - begun < 8
    await whole.stage.until(lambda: not any(is_alive(int(pid)) for pid in pids.read_text().split()))
    lines = await whole.stage.lines(runs["t"].id)
    assert ("Timeout after" in lines[-1]) is (how == "timeout")


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except FileNotFoundError:
        return False


async def test_what_is_left_running_is_ended_with_the_command(whole):
    begun = time.monotonic()
    state, _, lines = await run(whole, shell("sleep 300 & echo pid $!", "echo done"))
    assert state is State.SUCCESS
    assert time.monotonic() - begun < 8
    assert "WARN The command left processes running; they are ended, their output is not read any more" in lines
    (pid,) = (int(line.split()[-1]) for line in lines if line.startswith("INFO pid"))
    await whole.stage.until(lambda: not is_alive(pid))


async def test_tasks_of_a_working_directory_share_it(whole):
    row, runs = await whole.run(
        f"""
  - id: block
    type: io.kestra.plugin.core.flow.WorkingDirectory
    tasks:
      - id: a
        type: {SHELL}Commands
        commands: ["echo from a > file.txt"]
      - id: t
        type: {SHELL}Script
        script: |
          cat file.txt
          ls | wc -l
"""
    )
    assert row.state is State.SUCCESS
    assert kept(await whole.stage.lines(runs["t"].id)) == ["INFO from a", "INFO 1"]


async def test_what_cannot_be_a_property(whole):
    state, _, lines = await run(whole, shell("x", more="    env: '{{ flow.id }}'\n"))
    assert state is State.FAILED
    assert "rendered to a value that does not fit" in lines[-1]
    state, _, lines = await run(whole, shell("x", more='    env: {"A=B": c}\n'))
    assert state is State.FAILED
    assert "cannot be started: illegal environment variable name" in lines[-1]
    state, _, lines = await run(whole, script("{{ null }}"))
    assert state is State.SUCCESS


LANGUAGES = [
    ("node", "node", 'console.log("::" + JSON.stringify({outputs: {sum: 1 + 2}}) + "::")'),
    ("perl", "perl", 'print qq(::{"outputs": {"sum": 3}}::\\n);'),
    ("ruby", "ruby", 'puts "::{\\"outputs\\": {\\"sum\\": 3}}::"'),
    ("php", "php", '<?php echo "::" . json_encode(["outputs" => ["sum" => 3]]) . "::\\n";'),
    ("lua", "lua", 'print(\'::{"outputs": {"sum": 3}}::\')'),
    ("r", "Rscript", 'cat(\'::{"outputs": {"sum": 3}}::\\n\')'),
    ("julia", "julia", 'println("::{\\"outputs\\": {\\"sum\\": 3}}::")'),
    ("deno", "deno", 'console.log("::" + JSON.stringify({outputs: {sum: 1 + 2}}) + "::")'),
    ("bun", "bun", 'console.log("::" + JSON.stringify({outputs: {sum: 1 + 2}}) + "::")'),
    ("powershell", "pwsh", 'Write-Output \'::{"outputs": {"sum": 3}}::\''),
    ("groovy", "groovy", 'println \'::{"outputs": {"sum": 3}}::\''),
]


@pytest.mark.parametrize(("language", "program", "text"), LANGUAGES, ids=[row[0] for row in LANGUAGES])
async def test_languages_whose_program_is_here(whole, language, program, text):
    if shutil.which(program) is None:
        pytest.skip(f"there is no {program} on this machine")
    state, outputs, lines = await run(whole, script(text, f"io.kestra.plugin.scripts.{language}."))
    assert (state, outputs["vars"]) == (State.SUCCESS, {"sum": 3}), lines


# What is run where the program is not here: a stand-in on the PATH tells how it was called.
COMMAND_LINES = [
    ("bun", "bun", "run", ".ts"),
    ("deno", "deno", "run", ".ts"),
    ("dotnet", "dotnet-script", "", ".csx"),
    ("go", "go", "run", ".go"),
    ("groovy", "groovy", "", ".groovy"),
    ("jbang", "jbang", "--quiet", ".java"),
    ("julia", "julia", "", ".jl"),
    ("lua", "lua", "", ".lua"),
    ("node", "node", "", ".js"),
    ("perl", "perl", "", ".pl"),
    ("php", "php", "", ".php"),
    ("r", "Rscript", "", ".R"),
    ("ruby", "ruby", "", ".rb"),
]


@pytest.mark.parametrize(("language", "program", "argument", "end"), COMMAND_LINES, ids=[r[0] for r in COMMAND_LINES])
async def test_command_lines_of_languages(whole, tmp_path, language, program, argument, end):
    stand_in = tmp_path / program
    stand_in.write_text('#!/bin/sh\necho "called with $@"\nfor last; do :; done\ncat "$last"\n')
    stand_in.chmod(0o755)
    (tmp_path / "dotnet").symlink_to("/bin/true")
    more = f"    env: {{PATH: '{tmp_path}:/usr/bin:/bin'}}\n"
    state, _, lines = await run(whole, script("the text", f"io.kestra.plugin.scripts.{language}.", more))
    assert state is State.SUCCESS, lines
    called, text = kept(lines)
    assert text == "INFO the text"
    assert called.startswith(f"INFO called with {argument + ' ' if argument else ''}/")
    assert called.endswith(end)


async def test_jbang_takes_the_end_of_the_name_and_may_speak(whole, tmp_path):
    stand_in = tmp_path / "jbang"
    stand_in.write_text('#!/bin/sh\necho "called with $@"\n')
    stand_in.chmod(0o755)
    more = f"    extension: .kt\n    quiet: false\n    env: {{PATH: '{tmp_path}:/usr/bin:/bin'}}\n"
    state, _, lines = await run(whole, script("x", "io.kestra.plugin.scripts.jbang.", more))
    assert state is State.SUCCESS
    assert kept(lines)[0].startswith("INFO called with /")
    assert kept(lines)[0].endswith(".kt")


async def test_powershell_is_its_own_interpreter(whole, tmp_path):
    stand_in = tmp_path / "pwsh"
    stand_in.write_text('#!/bin/sh\nfor each; do echo "[$each]"; done\n')
    stand_in.chmod(0o755)
    more = f"    interpreter: [{stand_in}, -NoProfile, -NonInteractive, -Command]\n"
    state, _, lines = await run(whole, script("x", "io.kestra.plugin.scripts.powershell.", more))
    assert state is State.SUCCESS
    assert kept(lines)[:4] == [
        "INFO [-NoProfile]",
        "INFO [-NonInteractive]",
        "INFO [-Command]",
        "INFO [$ErrorActionPreference = 'Stop'",
    ]
    assert kept(lines)[4].startswith("INFO & /")


async def test_perl_commands_go_on_after_a_failure_and_may_be_none(whole):
    commands = "  - id: t\n    type: io.kestra.plugin.scripts.perl.Commands\n"
    state, _, lines = await run(whole, commands + "    commands: ['false', echo after]\n")
    assert (state, kept(lines)) == (State.SUCCESS, ["INFO after"])
    assert (await run(whole, commands))[0] is State.SUCCESS


async def test_outputs_have_a_limit_in_all(whole, monkeypatch):
    monkeypatch.setattr("segue.plugins.scripts.messages.MOST_OUTPUT_BYTES", 60)
    one = """echo '::{"outputs":{"%s":"0123456789"}}::'"""
    state, outputs, lines = await run(whole, shell(one % "a", one % "b"))
    assert (state, outputs["vars"]) == (State.FAILED, {"a": "0123456789"})
    assert lines[-1] == "ERROR The outputs of the script are larger than 32 MiB: use `outputFiles`"


async def test_a_command_is_shown_as_a_step():
    outcome = await run_task({"type": f"{SHELL}Commands", "commands": ["echo 1", "exit 4"]})
    (step,) = outcome.insights
    assert (step.name, step.state) == ("Command", "FAILED")
    assert step.content.items() >= {"exitCode": 4, "stdoutLines": 1, "stderrLines": 0}.items()


async def test_a_task_object_is_tested_with_its_runner():
    task = Commands.model_validate({"commands": ["echo hi"], "taskRunner": Process()})
    outcome = await run_task(task)
    assert (outcome.state, outcome.outputs["exitCode"]) == (State.SUCCESS, 0)
