"""The last of equal keys, against the plain way of finding it."""

from hashlib import blake2b
from pathlib import Path
from random import Random

import pytest

from segue.plugins.core import last_of_each
from segue.plugins.core.last_of_each import HASH_BYTES, LastOfEach


def found(path: Path, keys: list[int]) -> list[int]:
    with LastOfEach(path) as last:
        for key in keys:
            last.add(blake2b(str(key).encode(), digest_size=HASH_BYTES).digest())
        positions = last.find(lambda: False)
    kept = [number for number in range(len(keys) + 20) if positions.has(number)]
    assert positions.count == len(kept)
    return kept


@pytest.mark.parametrize(("at_once", "block"), [(250_000, 16 * 65_536), (10, 16 * 7), (1, 16)])
def test_the_same_as_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int, block: int) -> None:
    monkeypatch.setattr(last_of_each, "_KEYS_AT_ONCE", at_once)
    monkeypatch.setattr(last_of_each, "_BLOCK", block)
    random = Random(3)
    for count in (0, 1, 2, 50, 300):
        keys = [random.randrange(1 + count // 3) for _ in range(count)]
        expected = sorted({key: number for number, key in enumerate(keys)}.values())
        assert found(tmp_path / "keys", keys) == expected


def test_it_ends_early_when_it_should_stop(tmp_path: Path) -> None:
    with LastOfEach(tmp_path / "keys") as last:
        last.add(b"a" * HASH_BYTES)
        assert last.find(lambda: True).count == 0
