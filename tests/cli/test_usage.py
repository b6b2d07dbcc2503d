"""Help, usage errors, local checks: what needs no server."""

from pathlib import Path

import pytest
from tests.cli.command import EXAMPLES, segue

VALID = """id: fine
namespace: company.team
tasks: [{id: log, type: io.kestra.plugin.core.log.Log, message: hi}]
"""
INVALID = """id: broken
namespace: company.team
tasks:
  - id: hello
    type: io.kestra.plugin.core.log.Log
    mesage: hi
  - id: other
    type: io.kestra.plugin.core.log.Nothing
"""


@pytest.mark.parametrize("group", ["", "server", "flow", "execution", "trigger", "trigger backfill", "expr", "docs"])
def test_help_names_what_there_is(group: str):
    done = segue(*group.split(), "--help")
    assert done.returncode == 0
    assert "Commands" in done.stdout


@pytest.mark.parametrize(
    "arguments", [["flows"], ["run"], ["server", "standalone", "--port", "many"], ["execution", "get"]]
)
def test_wrong_usage_is_exit_code_2(arguments: list[str]):
    done = segue(*arguments)
    assert done.returncode == 2
    assert "Usage" in done.stderr
    assert "Traceback" not in done.stderr


def test_validate_accepts_the_examples():
    done = segue("flow", "validate", EXAMPLES)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].endswith("flows valid")


def test_validate_prints_file_line_and_message(tmp_path: Path):
    file = tmp_path / "flows.yml"
    file.write_text(f"{VALID}---\n{INVALID}")
    done = segue("flow", "validate", tmp_path)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert any(line.startswith(f"{file}:10: ") and "mesage" in line for line in lines), lines
    assert any(line.startswith(f"{file}:12: ") and "log.Nothing" in line for line in lines), lines
    assert done.stderr == "segue: 3 faults in 2 flows\n"


def test_validate_shows_where_yaml_breaks(tmp_path: Path):
    file = tmp_path / "flow.yaml"
    file.write_text("id: a\nnamespace: [\n")
    done = segue("flow", "validate", file)
    assert done.returncode == 1
    assert done.stdout.startswith(f"{file}:3: ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["flow", "validate", "absent"], "there is no file or folder absent"),
        (["flow", "deploy", "."], "no .yml or .yaml file found"),
        (["run", "absent.yml"], "absent.yml: No such file or directory"),
        (["run", "{flow}", "--input", "name"], "--input name: the form is key=value"),
        (["run", "{flow}", "--input", "name=@absent"], "--input name: there is no file absent"),
        (["execution", "get", "x", "--server", "http://127.0.0.1:9"], "the server http://127.0.0.1:9 cannot be"),
        (["execution", "get", "x", "--user", "ann"], "--user needs the form user:password"),
        (["server", "standalone", "--config", "absent.yml"], "the configuration file absent.yml cannot be read"),
        (["server", "worker", "--controller", "here"], "--controller here: the form is host:port"),
        (["server", "executor"], "segue.queue.type: `memory` works within one process"),
    ],
)  # fmt: skip
def test_an_error_is_one_line_and_exit_code_1(tmp_path: Path, arguments: list[str], message: str):
    flow = EXAMPLES / "retry.yml"
    done = segue(*(argument.format(flow=flow) for argument in arguments), cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"segue: {message}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"SEGUE_SERVER_HOST": "0.0.0.0"}, "SEGUE_SERVER_BASIC_AUTH_USERNAME"),
        ({"SEGUE_CONTROLLER_HOST": "0.0.0.0"}, "SEGUE_CONTROLLER_REGISTRATION_TOKEN"),
    ],
)
def test_it_does_not_listen_beyond_this_machine_without_credentials(
    tmp_path: Path, environment: dict[str, str], message: str
):
    done = segue("server", "standalone", cwd=tmp_path, env=environment)
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stdout == ""


def test_run_shows_faults_before_it_starts_a_server(tmp_path: Path):
    file = tmp_path / "broken.yml"
    file.write_text(INVALID)
    done = segue("run", file)
    assert done.returncode == 1
    assert f"{file}:6: " in done.stderr


def test_docs_build_writes_the_reference(tmp_path: Path):
    done = segue("docs", "build", "--folder", tmp_path)
    assert done.returncode == 0
    assert (tmp_path / "reference" / "configuration.md").is_file()
