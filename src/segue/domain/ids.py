"""Identifiers: made from given time and entropy, checked before they become part of a path."""

from __future__ import annotations

import re
from datetime import datetime
from hashlib import blake2b

from segue.domain.errors import SegueError

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"  # ascending in ASCII
_PAIRS = [high + low for high in _ALPHABET for low in _ALPHABET]
_ID_LENGTH = 22  # 62^22 > 2^128
_ENTROPY_BYTES = 10
_MAX_MILLISECONDS = 1 << 48
_NOT_SLUG = re.compile(r"[^a-z0-9]+")
_MAX_SEGMENT = 255


def time_ordered_id(now_ms: int, entropy: bytes) -> str:
    """Return an id of 22 URL-safe characters: 48 bits of time, then 80 bits of entropy.

    Ids of a later millisecond sort after those of an earlier one, byte by byte, so that rows of one time lie
    together in an index. Raises `ValueError` unless `entropy` has 10 bytes and the time fits in 48 bits.
    """
    if len(entropy) != _ENTROPY_BYTES:
        raise ValueError(f"an id needs {_ENTROPY_BYTES} bytes of entropy, not {len(entropy)}")
    if not 0 <= now_ms < _MAX_MILLISECONDS:
        raise ValueError(f"time {now_ms} ms does not fit in 48 bits")
    number = (now_ms << 80) | int.from_bytes(entropy, "big")
    pairs = []
    for _ in range(_ID_LENGTH // 2):
        number, rest = divmod(number, len(_PAIRS))
        pairs.append(_PAIRS[rest])
    pairs.reverse()
    return "".join(pairs)


def derived_id(at: datetime, *parts: str | int) -> str:
    """Return the id that belongs to ``parts``: always the same, in order with the other ids of the time ``at``.

    For what is started by a step that may be repeated; nothing is then started twice.
    """
    digest = blake2b("\0".join(map(str, parts)).encode(), digest_size=_ENTROPY_BYTES).digest()
    return time_ordered_id(int(at.timestamp() * 1000), digest)


def slugify(text: str) -> str:
    """Return `text` in lower case with every run of other characters as one hyphen (flow language 14.4)."""
    return _NOT_SLUG.sub("-", text.lower()).strip("-")


def check_path_segment(segment: str) -> str:
    """Return `segment` if it may be one part of a storage path or URL; raise `SegueError` otherwise.

    Refused: the empty text, `.` and `..`, separators of any system, control characters, more than 255 bytes.
    """
    if (
        segment in {"", ".", ".."}
        or any(char in "/\\" or not char.isprintable() for char in segment)
        or len(segment.encode()) > _MAX_SEGMENT
    ):
        raise SegueError(f"{segment[:80]!r} cannot be part of a path: give one plain name without separators")
    return segment
