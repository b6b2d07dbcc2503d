"""Finding the last of equal keys among very many, with little memory (core plugins 8, ``DeduplicateItems``)."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

HASH_BYTES = 16
_KEYS_AT_ONCE = 250_000
_BLOCK = HASH_BYTES * 65_536


class Positions:
    """Some of the numbers from 0 on, a bit each."""

    def __init__(self, size: int) -> None:
        self._bits = bytearray(size // 8 + 1)
        self.count = 0

    def add(self, position: int) -> None:
        """Put a number in that is not in yet."""
        self._bits[position >> 3] |= 1 << (position & 7)
        self.count += 1

    def has(self, position: int) -> bool:
        """Whether a number is in."""
        place = position >> 3
        return place < len(self._bits) and bool(self._bits[place] & 1 << (position & 7))


class LastOfEach:
    """Hashes of keys in the order in which they come, in a file; in memory are no more than some hundred thousand."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b")
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, key_hash: bytes) -> None:
        """The hash of the next key, of ``HASH_BYTES`` bytes."""
        self._file.write(key_hash)
        self._count += 1

    def find(self, is_stopped: Callable[[], bool]) -> Positions:
        """The positions of keys that do not come again. Reads the file once for every some hundred thousand keys.

        Ends early, with too few, once ``is_stopped``.
        """
        found = Positions(self._count)
        shares = self._count // _KEYS_AT_ONCE + 1
        for share in range(shares):
            if is_stopped():
                break
            seen: set[bytes] = set()
            for position, key in self._backwards():
                if (key[0] << 8 | key[1]) % shares == share and key not in seen:
                    seen.add(key)
                    found.add(position)
        return found

    def _backwards(self) -> Iterator[tuple[int, bytes]]:
        end = self._count * HASH_BYTES
        for start in range((end - 1) // _BLOCK * _BLOCK, -1, -_BLOCK):
            self._file.seek(start)
            block = self._file.read(min(_BLOCK, end - start))
            for at in range(len(block) - HASH_BYTES, -1, -HASH_BYTES):
                yield (start + at) // HASH_BYTES, block[at : at + HASH_BYTES]
