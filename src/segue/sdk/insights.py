"""What a task shows of its inside while it runs, beside its log: steps, tables, links, texts, progress.

.. code-block:: python

    async def run(self, context: RunContext) -> None:
        with context.insights.step("Query", database="sales") as step:
            rows = await fetch()
            step.set(rows=len(rows))
        context.insights.table("First rows", ["id", "name"], rows)

They are stored with the execution and shown with the task run (REST: ``GET /executions/{id}/insights``). Secrets are
hidden as in logs. There are limits: long texts and tables are cut, and what comes after some thousand is dropped with
a note. Nothing here raises for what is shown, so that showing something never breaks a task.
"""

from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, Protocol


class InsightStep(Protocol):
    """A part of the work, to be used in ``with`` or ``async with``; FAILED when the block raises."""

    def set(self, /, **values: Any) -> None:
        """Add what is known by now; shown at the latest when the step ends."""

    def __enter__(self) -> "InsightStep":
        """Begin. What is shown within the block, also by steps of their own, lies in this step."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""

    async def __aenter__(self) -> "InsightStep":
        """Begin."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""


class Insights(Protocol):
    """What a task shows. Usable from any thread; a thread the task starts itself begins outside of all steps."""

    def step(self, name: str, /, **values: Any) -> InsightStep:
        """A step, which begins and ends with its ``with`` block."""

    def table(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Rows of values; only the first hundred are read and shown, so that ``rows`` may be without end."""

    def link(self, name: str, url: str) -> None:
        """An address: of http, https or a file of internal storage. Any other is shown as a text."""

    def text(self, name: str, markdown: str) -> None:
        """A text in Markdown."""

    def progress(self, done: float, total: float | None = None, message: str = "") -> None:
        """How far the task is. Call it as often as there is news: it is sent about twice a second, and at the end."""
