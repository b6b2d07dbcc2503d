"""Leaving the queue by hand (flow language 11.5)."""

from segue.domain.engine.progress import Progress
from segue.domain.engine.starting import leave_queue
from segue.domain.execution.logs import LogLevel
from segue.domain.execution.requests import UnqueueRequested


def unqueue(progress: Progress, fact: UnqueueRequested) -> None:
    """Run whatever the limit says, or end. Raises ``Needed`` before anything is changed."""
    leave_queue(progress, fact.state)
    by = f" by {fact.by}" if fact.by else ""
    progress.log(LogLevel.INFO, f"Execution is taken out of the queue{by}")
