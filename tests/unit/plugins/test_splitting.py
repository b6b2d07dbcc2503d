"""Cutting a stream of records into parts (core plugins 2.10)."""

import pytest

from segue.plugins.core.splitting import SplitSettings, Splitter, parse_size
from segue.sdk import TaskFailed


def parts(settings: SplitSettings, content: bytes, step: int = 3) -> list[bytes]:
    splitter = Splitter(settings)
    found: dict[int, bytes] = {}
    for start in range(0, len(content), step):
        for part, record in splitter.feed(content[start : start + step]):
            found[part] = found.get(part, b"") + record
    for part, record in splitter.finish():
        found[part] = found.get(part, b"") + record
    return [found[part] for part in sorted(found)]


@pytest.mark.parametrize("step", [1, 2, 3, 100])
@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (SplitSettings(rows=1), [b"aa\n", b"b\n", b"\n", b"ccc\n"]),
        (SplitSettings(rows=3), [b"aa\nb\n\n", b"ccc\n"]),
        (SplitSettings(partitions=2), [b"aa\n\n", b"b\nccc\n"]),
        (SplitSettings(partitions=9), [b"aa\n", b"b\n", b"\n", b"ccc\n"]),
        (SplitSettings(bytes="4"), [b"aa\nb\n", b"\nccc\n"]),
        (SplitSettings(regex_pattern="^(.)", rows=1), [b"aa\n", b"b\n", b"ccc\n"]),
        (SplitSettings(rows=1, separator="b\n\n"), [b"aa\nb\n\n", b"cccb\n\n"]),
    ],
)
def test_rules(settings: SplitSettings, expected: list[bytes], step: int):
    assert parts(settings, b"aa\nb\n\nccc", step) == expected


def test_nothing_gives_nothing():
    assert parts(SplitSettings(rows=1), b"") == []


@pytest.mark.parametrize(
    "settings",
    [
        SplitSettings(),
        SplitSettings(rows=0),
        SplitSettings(partitions=-1),
        SplitSettings(bytes="many"),
        SplitSettings(bytes="0MB"),
        SplitSettings(regex_pattern="("),
        SplitSettings(regex_pattern="a"),
        SplitSettings(rows=1, separator=""),
    ],
)
def test_settings_that_cannot_be(settings: SplitSettings):
    with pytest.raises(TaskFailed):
        Splitter(settings)


@pytest.mark.parametrize(("text", "size"), [("500", 500), ("1KB", 1024), ("10 mb", 10 * 1024**2), ("1.5K", 1536)])
def test_sizes(text: str, size: int):
    assert parse_size(text) == size
