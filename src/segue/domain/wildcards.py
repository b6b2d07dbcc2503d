"""Wildcards for names: ``*`` for any characters, ``?`` for one, over the whole name (core plugins 1.2)."""

from __future__ import annotations


def fits(pattern: str, name: str) -> bool:
    """Whether a name fits. Takes no longer than the product of the two lengths."""
    at, place, star, mark = 0, 0, -1, 0
    while place < len(name):
        if at < len(pattern) and pattern[at] == "*":
            star, mark = at, place
            at += 1
        elif at < len(pattern) and pattern[at] in {"?", name[place]}:
            at, place = at + 1, place + 1
        elif star >= 0:
            mark += 1
            at, place = star + 1, mark
        else:
            return False
    return all(rest == "*" for rest in pattern[at:])
