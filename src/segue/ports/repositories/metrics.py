"""Figures that tasks measured: read back and summed up (REST API 4.5)."""

from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from segue.ports.repositories.jobs import Metric
from segue.ports.repositories.paging import Page, PageRequest


class Aggregation(StrEnum):
    """What becomes of the figures of one period."""

    SUM = "sum"
    AVG = "avg"
    MIN = "min"
    MAX = "max"


class MetricQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of one execution."""

    tenant: str
    execution_id: str
    task_run_id: str | None = None
    task_id: str | None = None
    page: PageRequest = PageRequest()


class MetricScope(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of all executions of a flow, or of one of its tasks."""

    tenant: str
    namespace: str
    flow_id: str
    task_id: str | None = None


class Summary(msgspec.Struct, frozen=True):
    """The figures of one period: those of periods within it are ``joined``."""

    count: int
    total: float
    least: float
    most: float

    def joined(self, other: "Summary") -> "Summary":
        """The figures of two periods as one."""
        return Summary(
            self.count + other.count,
            self.total + other.total,
            min(self.least, other.least),
            max(self.most, other.most),
        )

    def value(self, aggregation: Aggregation) -> float:
        """The one figure that is asked for."""
        return {
            Aggregation.SUM: self.total,
            Aggregation.AVG: self.total / self.count,
            Aggregation.MIN: self.least,
            Aggregation.MAX: self.most,
        }[aggregation]


class MetricRepository(Protocol):
    """Figures by execution and by flow. They are written with the reports of workers (``JobRepository``)."""

    async def search(self, query: MetricQuery) -> Page[Metric]:
        """The figures that match, oldest first unless sorted.

        Sortable: ``timestamp``, ``name``, ``type``, ``value``, ``taskId``, ``taskRunId``.
        """
        ...

    async def names(self, scope: MetricScope) -> list[str]:
        """The names of figures there are, sorted."""
        ...

    async def tasks(self, scope: MetricScope) -> list[str]:
        """Ids of the tasks that measured something, sorted."""
        ...

    async def summaries(
        self, scope: MetricScope, name: str, after: datetime, before: datetime, seconds: int
    ) -> dict[datetime, Summary]:
        """What was measured from ``after`` until before ``before``, by periods of so many seconds since 1970.

        Executions of the kinds TEST and PLAYGROUND do not count. Periods without figures are left out.
        """
        ...
