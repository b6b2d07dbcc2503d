"""Figures that tasks measured."""

from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from segue.adapters.databases.sql import tables
from segue.adapters.databases.sql.codecs import from_micros, storable, to_micros
from segue.adapters.databases.sql.conditions import page_of
from segue.adapters.databases.sql.lanes import Lanes
from segue.domain.execution.model import ExecutionKind
from segue.ports.repositories.jobs import Metric
from segue.ports.repositories.metrics import MetricQuery, MetricScope, Summary
from segue.ports.repositories.paging import Page

_METRICS = tables.metrics
_C = _METRICS.c
_SORTABLE: dict[str, sa.ColumnElement[Any]] = {
    "timestamp": _C.at,
    "name": _C.name,
    "type": _C.type,
    "value": _C.value,
    "taskId": _C.task_id,
    "taskRunId": _C.task_run_id,
}
_UNCOUNTED = [ExecutionKind.TEST.value, ExecutionKind.PLAYGROUND.value]
_MICROS = 1_000_000
_tags = msgspec.json.Decoder(dict[str, str]).decode


class SqlMetrics:
    """See ``MetricRepository``."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes

    async def search(self, query: MetricQuery) -> Page[Metric]:
        """See ``MetricRepository.search``. A sort field that is not known is left out."""
        conditions = [_C.tenant == storable(query.tenant), _C.execution_id == storable(query.execution_id)]
        for column, value in ((_C.task_run_id, query.task_run_id), (_C.task_id, query.task_id)):
            if value is not None:
                conditions.append(column == storable(value))
        order = [
            _SORTABLE[field].asc() if ascending else _SORTABLE[field].desc()
            for field, ascending in query.page.sort
            if field in _SORTABLE
        ]
        statement = sa.select(_METRICS).where(*conditions).order_by(*order, _C.at, _C.id)
        rows, total = await self._lanes.search(page_of(statement, query.page))
        return Page([_metric(row) for row in rows], total)

    async def names(self, scope: MetricScope) -> list[str]:
        """See ``MetricRepository.names``."""
        return await self._distinct(_C.name, scope)

    async def tasks(self, scope: MetricScope) -> list[str]:
        """See ``MetricRepository.tasks``."""
        return await self._distinct(_C.task_id, scope)

    async def summaries(
        self, scope: MetricScope, name: str, after: datetime, before: datetime, seconds: int
    ) -> dict[datetime, Summary]:
        """See ``MetricRepository.summaries``."""
        executions = tables.executions.c
        uncounted = sa.exists().where(executions.id == _C.execution_id, executions.kind.in_(_UNCOUNTED))
        period = (_C.at - _C.at % sa.literal_column(str(seconds * _MICROS))).label("period")
        statement = (
            sa.select(period, sa.func.count(), sa.func.sum(_C.value), sa.func.min(_C.value), sa.func.max(_C.value))
            .where(
                *_within(scope),
                _C.name == storable(name),
                _C.at >= to_micros(after),
                _C.at < to_micros(before),
                sa.not_(uncounted),
            )
            .group_by(period)
        )
        rows = await self._lanes.search(lambda connection: list(connection.execute(statement)))
        return {from_micros(row[0]): Summary(*row[1:]) for row in rows}

    async def _distinct(self, column: sa.ColumnElement[str], scope: MetricScope) -> list[str]:
        statement = sa.select(column).where(*_within(scope)).distinct().order_by(column)
        return await self._lanes.search(lambda connection: list(connection.execute(statement).scalars()))


def _within(scope: MetricScope) -> list[sa.ColumnElement[bool]]:
    conditions = [
        _C.tenant == storable(scope.tenant),
        _C.namespace == storable(scope.namespace),
        _C.flow_id == storable(scope.flow_id),
    ]
    return conditions if scope.task_id is None else [*conditions, _C.task_id == storable(scope.task_id)]


def _metric(row: Any) -> Metric:
    return Metric(
        execution_id=row.execution_id,
        task_run_id=row.task_run_id,
        task_id=row.task_id,
        namespace=row.namespace,
        flow_id=row.flow_id,
        tenant=row.tenant,
        type=row.type,
        name=row.name,
        value=row.value,
        at=from_micros(row.at),
        tags=_tags(row.tags),
    )
