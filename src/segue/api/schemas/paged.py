"""Answers that hold many objects (REST API 1.2, 1.5)."""

from typing import Generic, TypeVar

import msgspec

Item = TypeVar("Item")


class Paged(msgspec.Struct, Generic[Item], frozen=True):
    """A page of results; ``total`` counts all matches."""

    results: list[Item]
    total: int


class BulkResult(msgspec.Struct, frozen=True, rename="camel"):
    """What became of a bulk action; old clients read ``count``, new ones ``totalItems``."""

    count: int
    total_items: int
    operation_id: str
