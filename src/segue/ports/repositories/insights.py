"""Insights, read; they are written with the reports of workers."""

from typing import Protocol

import msgspec

from segue.domain.execution.insights import Insight, InsightKind
from segue.ports.repositories.paging import Page, PageRequest


class InsightQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which insights; every condition given must hold."""

    tenant: str
    execution_id: str
    task_run_id: str | None = None
    attempt: int | None = None
    kind: InsightKind | None = None
    page: PageRequest = PageRequest()


class InsightRepository(Protocol):
    """Insights. They go with their execution."""

    async def search(self, query: InsightQuery) -> Page[Insight]:
        """One page of the matches, in the order they began; each as it was told last."""
        ...
