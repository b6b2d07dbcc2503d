"""Pieces of searches: text, namespaces, pages."""

from collections.abc import Callable, Iterable
from typing import Any

import sqlalchemy as sa

from segue.adapters.databases.sql.codecs import storable
from segue.ports.repositories.filters import Comparison
from segue.ports.repositories.paging import PageRequest

Condition = sa.ColumnElement[bool]


def contains_any_case(columns: Iterable[sa.ColumnElement[str]], part: str) -> sa.ColumnElement[bool]:
    """Whether any of the columns holds ``part``, whatever the case; ``%`` and ``_`` mean themselves."""
    clean = storable(part)
    return sa.or_(*(column.icontains(clean, autoescape=True) for column in columns))


def in_namespace(column: sa.ColumnElement[str], prefix: str) -> sa.ColumnElement[bool]:
    """Whether a namespace is ``prefix`` or below it: a range of the index, since ``/`` follows ``.``."""
    clean = storable(prefix)
    return sa.or_(column == clean, sa.and_(column > clean + ".", column < clean + "/"))


def page_of(statement: sa.Select[Any], page: PageRequest) -> Callable[[sa.Connection], tuple[list[Any], int]]:
    """Work that reads one page of ``statement`` and how many rows it has in all."""
    size = max(page.size, 1)
    offset = (max(page.page, 1) - 1) * size
    some = statement.limit(size).offset(offset)
    count = sa.select(sa.func.count()).select_from(statement.order_by(None).subquery())

    def work(connection: sa.Connection) -> tuple[list[Any], int]:
        rows = list(connection.execute(some))
        if len(rows) < size and (rows or offset == 0):
            return rows, offset + len(rows)
        return rows, connection.execute(count).scalar_one()

    return work


ORDERS: dict[Comparison, Callable[[sa.ColumnElement[int], int], Condition]] = {
    Comparison.EQUALS: lambda column, value: column == value,
    Comparison.GREATER_THAN: lambda column, value: column > value,
    Comparison.GREATER_THAN_OR_EQUAL_TO: lambda column, value: column >= value,
    Comparison.LESS_THAN: lambda column, value: column < value,
    Comparison.LESS_THAN_OR_EQUAL_TO: lambda column, value: column <= value,
}
"""How dates are compared."""
TEXTS: dict[Comparison, Callable[[sa.ColumnElement[str], str], Condition]] = {
    Comparison.STARTS_WITH: lambda column, value: column.startswith(value, autoescape=True),
    Comparison.ENDS_WITH: lambda column, value: column.endswith(value, autoescape=True),
    Comparison.CONTAINS: lambda column, value: column.contains(value, autoescape=True),
    Comparison.REGEX: lambda column, value: column.regexp_match(value),
    Comparison.PREFIX: in_namespace,
}
"""How texts are compared with one that is ``storable``."""
