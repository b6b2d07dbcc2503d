"""Pages of search results (REST API 1.2)."""

from typing import Generic, TypeVar

import msgspec

Item = TypeVar("Item")


class PageRequest(msgspec.Struct, frozen=True):
    """Which part of the matches: ``page`` from 1, ``size`` items, sorted by ``(field, ascending)``."""

    page: int = 1
    size: int = 10
    sort: tuple[tuple[str, bool], ...] = ()


class Page(msgspec.Struct, Generic[Item], frozen=True):
    """Some of the matches and how many there are in all."""

    items: list[Item]
    total: int
