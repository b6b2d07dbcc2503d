"""What the executor works with and how."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from segue.domain.execution.limits import DEFAULT_LIMITS, EngineLimits
from segue.expr import HttpCall
from segue.ports.clock import Clock
from segue.ports.queue import Queue
from segue.ports.rendering import Renderer
from segue.ports.repositories.catalog import FlowCatalog
from segue.ports.repositories.followers import FollowerRepository
from segue.ports.repositories.journal import Journal
from segue.ports.repositories.slots import SlotRepository
from segue.ports.repositories.values import ValueSource
from segue.ports.storage import Storage


@dataclass(frozen=True)
class ExecutorPorts:
    """The outside of an executor."""

    journal: Journal
    queue: Queue
    catalog: FlowCatalog
    storage: Storage
    clock: Clock
    renderer: Renderer
    slots: SlotRepository
    followers: FollowerRepository
    values: ValueSource
    """What expressions of the engine ask for."""
    http: Callable[[HttpCall], Any] | None = None
    """Makes the calls of ``http()``; blocks. None: there is none."""


@dataclass(frozen=True)
class ExecutorConfig:
    """How an executor works.

    ``batch_size``: wake-ups taken at once, which bounds a transaction. ``cached_executions`` and
    ``cached_task_runs``: open executions kept in memory. ``attempts`` and ``retry_delay`` (seconds):
    how often a step that fails is tried before its facts are parked (design D10).
    """

    batch_size: int = 200
    cached_executions: int = 5000
    cached_task_runs: int = 100_000
    attempts: int = 3
    retry_delay: float = 0.2
    limits: EngineLimits = DEFAULT_LIMITS

    def __post_init__(self) -> None:
        if self.batch_size < 1 or self.attempts < 1:
            raise ValueError("batch_size and attempts must be at least 1")
