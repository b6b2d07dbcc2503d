"""``segue run`` and ``segue demo``: a server of their own."""

import json
from pathlib import Path

import pytest
from tests.cli.command import EXAMPLES, ROOT, segue


def test_run_as_json_prints_one_document():
    done = segue("run", EXAMPLES / "parallel-greetings.yml", "-i", "name=Ada", "-i", "pause=PT0.1S", "--output", "json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["execution"]["state"]["current"] == "SUCCESS"
    assert document["execution"]["outputs"] == {"greeting": "Hello Ada!"}
    assert {"Hello Ada!", "Bonjour Ada !"} <= {line["message"] for line in document["logs"]}
    assert any(item["outputs"] == {"value": "Hello Ada!"} for item in document["taskOutputs"])


@pytest.mark.parametrize(
    ("flow", "inputs", "code", "shown"),
    [
        ("errors-and-finally", [], 1, "✗ FAILED"),
        ("errors-and-finally", ["fail=false"], 0, "✓ SUCCESS"),
        ("retry", [], 0, "! WARNING"),
        ("each-city", ['cities=["Nice", "Lille"]'], 0, "Nice: take a hat"),
    ],
)
def test_run_shows_the_run_and_ends_with_its_code(flow: str, inputs: list[str], code: int, shown: str):
    options = [part for given in inputs for part in ("--input", given)]
    done = segue("run", EXAMPLES / f"{flow}.yml", *options)
    assert done.returncode == code, done.stderr
    assert shown in done.stdout


def test_run_tells_of_a_bad_input():
    done = segue("run", EXAMPLES / "parallel-greetings.yml", "--input", "pause=soon")
    assert done.returncode == 1
    assert "pause" in done.stderr
    assert "Traceback" not in done.stderr


def test_demo_shows_one_run_and_ends(tmp_path: Path):
    done = segue("demo", "--exit", "--data-dir", tmp_path / "data", cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "deployed company.team.orders-by-webhook revision 1" in done.stdout
    assert "✓ SUCCESS  company.team.parallel-greetings" in done.stdout
    assert "Hello Ada!" in done.stdout
