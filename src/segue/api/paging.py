"""Page, size and sort of a request (REST API 1.2)."""

from collections.abc import Collection, Sequence

from segue.api.problems import INVALID_ARGUMENT, INVALID_QUERY_PARAMETER, ProblemError
from segue.ports.repositories.paging import PageRequest

MAX_SIZE = 10_000
"""Larger sizes get this many: ``total`` tells that there is more."""
MAX_INTEGER = 2**31 - 1


def page_request(
    page: int, size: int, sort: Sequence[str] | None, sortable: Collection[str], default_sort: str | None = None
) -> PageRequest:
    """The page asked for. ``sort`` holds ``field:direction`` items, each maybe several with commas.

    Raises ``ProblemError`` for numbers below one and for fields that are not ``sortable``.
    """
    for name, value in (("page", page), ("size", size)):
        if not 1 <= value <= MAX_INTEGER:
            raise ProblemError(INVALID_QUERY_PARAMETER, f"{name} must be between 1 and {MAX_INTEGER}")
    given = sort or ([default_sort] if default_sort else [])
    items = [part.strip() for item in given for part in item.split(",") if part.strip()]
    return PageRequest(page, min(size, MAX_SIZE), tuple(_order(item, sortable) for item in items))


def _order(item: str, sortable: Collection[str]) -> tuple[str, bool]:
    field, colon, direction = item.partition(":")
    if not colon or not direction or ":" in direction:
        raise ProblemError(INVALID_ARGUMENT, f"Invalid sort parameter '{item[:100]}': give field:asc or field:desc")
    if field not in sortable:
        known = ", ".join(sorted(sortable))
        raise ProblemError(INVALID_ARGUMENT, f"Invalid sort parameter '{field[:100]}': sort by one of {known}")
    return field, direction.lower() == "asc"
