"""Insights: one row each, written again when more is known."""

from collections.abc import Iterable
from typing import Any

import msgspec
import sqlalchemy as sa

from segue.adapters.databases.sql import tables
from segue.adapters.databases.sql.codecs import encode, storable, to_micros
from segue.adapters.databases.sql.conditions import page_of
from segue.adapters.databases.sql.lanes import Lanes
from segue.adapters.databases.sql.statements import Insert, Row
from segue.domain.execution.insights import Insight
from segue.ports.repositories.insights import InsightQuery
from segue.ports.repositories.paging import Page

INSERT_INSIGHTS = Insert(
    tables.insights,
    ("id", "tenant", "execution_id", "task_run_id", "attempt", "number", "revision", "kind", "at", "body"),
    "ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, body = excluded.body "
    "WHERE insights.revision < excluded.revision",
)

_INSIGHTS = tables.insights
_decoder = msgspec.json.Decoder(Insight)


def insight_rows(insights: Iterable[Insight]) -> list[Row]:
    """Rows for ``INSERT_INSIGHTS``: each id once, as it was told last."""
    latest: dict[str, Insight] = {}
    for insight in insights:
        known = latest.get(insight.id)
        if known is None or known.revision < insight.revision:
            latest[insight.id] = insight
    return [
        (
            storable(key),
            one.tenant,
            one.execution_id,
            one.task_run_id,
            one.attempt,
            one.number,
            one.revision,
            one.kind.value,
            to_micros(one.at),
            encode(one),
        )
        for key, one in sorted(latest.items())
    ]


class SqlInsights:
    """See ``InsightRepository``."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes

    async def search(self, query: InsightQuery) -> Page[Insight]:
        """See ``InsightRepository.search``."""
        columns = _INSIGHTS.c
        conditions: list[sa.ColumnElement[bool]] = [
            columns.tenant == storable(query.tenant),
            columns.execution_id == storable(query.execution_id),
        ]
        if query.task_run_id is not None:
            conditions.append(columns.task_run_id == storable(query.task_run_id))
        if query.attempt is not None:
            conditions.append(columns.attempt == query.attempt)
        if query.kind is not None:
            conditions.append(columns.kind == query.kind.value)
        order: list[Any] = [columns.at, columns.number, columns.id]
        statement = sa.select(columns.body).where(*conditions).order_by(*order)
        rows, total = await self._lanes.search(page_of(statement, query.page))
        return Page([_decoder.decode(row.body) for row in rows], total)
