"""Command lines of script tasks, and the older spellings of their runner (core plugins 17.1, 17.2)."""

from typing import Any

import pytest

from segue.plugins.scripts.command import Shell, arguments, is_too_long, sourced
from segue.plugins.scripts.legacy_runner import DOCKER, PROCESS, with_task_runner

SH = ("/bin/sh", "-c")


@pytest.mark.parametrize(
    ("shell", "before", "whole"),
    [
        (Shell(SH, "set -e"), [], [*SH, "set -e\na\nb"]),
        (Shell(SH, ""), [], [*SH, "a\nb"]),
        (
            Shell(SH, "set -e"),
            ["c"],
            [*SH, "set -e\necho '##kestra:log:debug##'\nc\necho '##kestra:log:info##'\na\nb"],
        ),
        (Shell(("cmd", "/c"), "", is_windows=True), [], ["cmd", "/c", "\r\na\r\nb"]),
        (
            Shell(("pwsh", "-Command"), "$ErrorActionPreference = 'Stop'", is_windows=True),
            [],
            ["pwsh", "-Command", "$ErrorActionPreference = 'Stop'\r\na\r\nb"],
        ),
        (Shell((), "set -e"), [], ["a", "b"]),
        (Shell((), ""), ["c"], ["echo '##kestra:log:debug##'\nc\necho '##kestra:log:info##'\na\nb"]),
    ],
)
def test_arguments(shell: Shell, before: list[str], whole: list[str]) -> None:
    assert arguments(shell, before, ["a", "b"]) == whole


def test_long_texts_are_read_from_a_file() -> None:
    assert not is_too_long("x" * 100_000)
    assert is_too_long("é" * 60_000)
    assert sourced("/tmp/a b.sh") == ". '/tmp/a b.sh'"


@pytest.mark.parametrize(
    ("data", "changed"),
    [
        ({}, {}),
        ({"taskRunner": {"type": "x"}}, {"taskRunner": {"type": "x"}}),
        ({"runner": "PROCESS"}, {"runner": "PROCESS", "taskRunner": {"type": PROCESS}}),
        ({"runner": "DOCKER"}, {"runner": "DOCKER", "taskRunner": {"type": DOCKER}}),
        ({"runner": "DOCKER", "taskRunner": {"type": PROCESS}}, {"taskRunner": {"type": PROCESS}}),
        (
            {"docker": {"image": "i", "dockerHost": "h", "user": "u"}},
            {
                "docker": {"image": "i", "dockerHost": "h", "user": "u"},
                "containerImage": "i",
                "taskRunner": {"type": DOCKER, "host": "h", "user": "u"},
            },
        ),
        (
            {"docker": {"image": "i", "user": "u"}, "taskRunner": {"type": DOCKER, "user": "v", "cpu": {}}},
            {
                "docker": {"image": "i", "user": "u"},
                "containerImage": "i",
                "taskRunner": {"type": DOCKER, "user": "u"},
            },
        ),
        (
            {"runner": "PROCESS", "docker": {"image": "i"}, "containerImage": "j"},
            {"runner": "PROCESS", "docker": {"image": "i"}, "containerImage": "j", "taskRunner": {"type": PROCESS}},
        ),
        ({"runner": "OTHER"}, {"runner": "OTHER"}),
    ],
)
def test_older_runners(data: dict[str, Any], changed: dict[str, Any]) -> None:
    assert with_task_runner(data) == changed
