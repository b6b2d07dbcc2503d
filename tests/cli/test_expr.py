"""``segue expr eval``: single texts and batches."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.cli.command import command, environment, segue


def batch(*lines: Any) -> list[dict[str, Any]]:
    """What the command answers to these lines on its standard input."""
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    done = subprocess.run(
        command(["expr", "eval", "--batch", "-"]),
        input=text, capture_output=True, text=True, env=environment(), timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (["{{ 1 + 2 }} is {{ 'x' | upper }}"], "3 is X"),
        (["plain"], "plain"),
        (["{{ [1, {'a': null}] }}", "--typed"], '[1, {"a": null}]'),
        (["{{ '2024-03-05T10:00:00Z' | date('HH') }}", "--timezone", "Europe/Berlin"], "11"),
        (["{{ now() is not null }}"], "true"),
    ],
)
def test_one_text(arguments: list[str], printed: str):
    done = segue("expr", "eval", *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (0, printed + "\n", "")


def test_variables_come_from_a_file(tmp_path: Path):
    (tmp_path / "context.json").write_text('{"inputs": {"name": "Ada"}}')
    done = segue("expr", "eval", "{{ inputs.name }}", "--context", tmp_path / "context.json")
    assert done.stdout == "Ada\n"


def test_errors_are_exit_code_1(tmp_path: Path):
    done = segue("expr", "eval", "a\n{{ inputs.nme }}")
    assert (done.returncode, done.stdout) == (1, "")
    assert "inputs" in done.stderr
    assert "Traceback" not in done.stderr
    (tmp_path / "list.json").write_text("[]")
    assert "JSON object" in segue("expr", "eval", "x", "--context", tmp_path / "list.json").stderr
    assert segue("expr", "eval", "x", "--context", tmp_path / "none.json").returncode == 1
    assert "dialect" in segue("expr", "eval", "x", "--dialect", "3").stderr
    assert "time zone" in segue("expr", "eval", "x", "--timezone", "Mars/Base").stderr
    assert "secrets" in segue("expr", "eval", "{{ secret('x') }}").stderr


def test_usage():
    assert segue("expr", "eval").returncode == 2
    assert segue("expr", "eval", "x", "--batch", "-").returncode == 2


def test_a_batch_answers_line_by_line():
    answers = batch(
        {"template": "{{ a }}", "context": {"a": 1}},
        {"template": "{{ a }}", "context": {"a": {"b": [1, None]}}, "typed": True},
        "",
        "{broken",
        "[1]",
        {"template": 5},
        {"template": "x", "contxt": {}},
        {"template": "{{ nope }}"},
        {"template": "{{ '2024-03-05T10:00:00Z' | date('HH') }}", "timezone": "Asia/Tokyo"},
        {"template": "x", "timezone": "Mars"},
        {"template": "x", "dialect": "7"},
        {"template": "last", "dialect": 1, "typed": None},
    )
    assert answers[0] == {"result": "1"}
    assert answers[1] == {"result": {"b": [1, None]}}
    for index, number in ((2, 4), (3, 5), (4, 6), (5, 7), (8, 10), (9, 11)):
        assert answers[index]["line"] == number
        assert answers[index]["error"].startswith(f"line {number}: ")
    assert "nope" in answers[6]["error"]
    assert answers[7] == {"result": "19"}
    assert answers[-1] == {"result": "last"}


def test_results_that_json_lacks():
    answers = batch(
        {"template": "{{ d }}", "context": {"d": 1e400}, "typed": True},
        {"template": "{{ {'a': 1.5} }}", "typed": True},
        {"template": "{{ 12345678901234567890123 * 10 }}", "typed": True},
        {"template": "\ud83d\ude00 {{ 'é' }}"},
    )
    assert answers[0] == {"result": "Infinity"}
    assert answers[1] == {"result": {"a": 1.5}}
    assert answers[2] == {"result": 123456789012345678901230}
    assert answers[3] == {"result": "😀 é"}


def test_a_batch_streams_and_comes_from_a_file(tmp_path: Path):
    process = subprocess.Popen(
        command(["expr", "eval", "--batch", "-"]),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(),
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        for number in range(3):
            process.stdin.write(json.dumps({"template": "{{ n + 1 }}", "context": {"n": number}}) + "\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline()) == {"result": str(number + 1)}
    (tmp_path / "batch.jsonl").write_text('{"template": "a"}\n{"template": "b"}\n')
    done = segue("expr", "eval", "--batch", tmp_path / "batch.jsonl")
    assert done.stdout == '{"result":"a"}\n{"result":"b"}\n'
    assert segue("expr", "eval", "--batch", tmp_path / "none.jsonl").returncode == 1
