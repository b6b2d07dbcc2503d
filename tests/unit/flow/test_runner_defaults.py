"""Plugin defaults that are plugins themselves, such as the task runner of all scripts (flow language 2.12)."""

from typing import Any

import pytest

from segue.domain.flow.plugin_defaults import apply_defaults

SCRIPTS = "io.kestra.plugin.scripts"
DOCKER = f"{SCRIPTS}.runner.docker.Docker"
PROCESS = "io.kestra.plugin.core.runner.Process"
ENTRY = {"type": SCRIPTS, "values": {"taskRunner": {"type": DOCKER, "pullPolicy": "NEVER"}}}


def filled(task: dict[str, Any], *entries: dict[str, Any]) -> dict[str, Any]:
    data = {"tasks": [{"id": "t", "type": f"{SCRIPTS}.shell.Script", **task}]}
    apply_defaults(data, entries)
    found: dict[str, Any] = data["tasks"][0]
    return found


def test_a_default_is_not_used_inside_itself() -> None:
    assert filled({}, ENTRY)["taskRunner"] == {"type": DOCKER, "pullPolicy": "NEVER"}


def test_defaults_of_the_runner_reach_the_one_that_a_default_brought() -> None:
    of_docker = {"type": DOCKER, "values": {"user": "u", "pullPolicy": "ALWAYS"}}
    runner = {"type": DOCKER, "pullPolicy": "NEVER", "user": "u"}
    assert filled({}, ENTRY, of_docker)["taskRunner"] == runner


@pytest.mark.parametrize("forced", [False, True])
def test_settings_of_one_type_are_not_filled_into_another(forced: bool) -> None:
    found = filled({"taskRunner": {"type": PROCESS}}, {**ENTRY, "forced": forced})["taskRunner"]
    assert found == (ENTRY["values"]["taskRunner"] if forced else {"type": PROCESS})  # type: ignore[index]  # a map


def test_settings_of_the_same_type_are() -> None:
    found = filled({"taskRunner": {"type": DOCKER, "user": "v"}}, ENTRY)["taskRunner"]
    assert found == {"type": DOCKER, "user": "v", "pullPolicy": "NEVER"}
