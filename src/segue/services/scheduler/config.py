"""What the scheduler works with and how."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from segue.domain.execution.limits import DEFAULT_LIMITS, EngineLimits
from segue.domain.trigger.schedule import GRACE
from segue.ports.clock import Clock, Ids
from segue.ports.queue import Queue
from segue.ports.repositories.catalog import FlowCatalog
from segue.ports.repositories.executions import ExecutionRepository
from segue.ports.repositories.flow_expressions import FlowExpressions
from segue.ports.repositories.followers import FollowerRepository
from segue.ports.repositories.journal import Journal
from segue.ports.repositories.outputs import OutputRepository
from segue.ports.repositories.triggers import TriggerRepository
from segue.ports.storage import Storage


@dataclass(frozen=True)
class SchedulerPorts:
    """The outside of the timers."""

    journal: Journal
    queue: Queue
    clock: Clock


@dataclass(frozen=True)
class TriggerPorts:
    """The outside of the triggers. ``encrypt`` stores SECRET inputs, None refuses them."""

    triggers: TriggerRepository
    catalog: FlowCatalog
    expressions: FlowExpressions
    queue: Queue
    clock: Clock
    encrypt: Callable[[str], Any] | None = None


@dataclass(frozen=True)
class FollowerPorts:
    """The outside of the flow triggers. ``encrypt`` stores SECRET inputs, None refuses them."""

    followers: FollowerRepository
    executions: ExecutionRepository
    outputs: OutputRepository
    storage: Storage
    catalog: FlowCatalog
    expressions: FlowExpressions
    queue: Queue
    clock: Clock
    ids: Ids
    encrypt: Callable[[str], Any] | None = None


@dataclass(frozen=True)
class SchedulerConfig:
    """How a scheduler works. ``longest_pause`` (seconds) bounds the wait when news of a timer got lost."""

    batch_size: int = 500
    longest_pause: float = 5.0


@dataclass(frozen=True)
class TriggerConfig:
    """How triggers are evaluated.

    ``batch_size``: triggers claimed at once, which bounds a transaction. ``lease`` (seconds): how long a claim holds
    when its scheduler dies; shorter than dates take to count as missed. ``longest_pause`` (seconds) bounds the wait
    when news got lost. ``broken_pause`` (seconds): when a trigger is looked at again whose flow cannot be read.
    ``prepare_every`` and ``prepare_ahead`` (seconds), ``prepared``: flows of that many triggers are read that long
    before they are due, so that many due in one second do not wait for each other.
    """

    batch_size: int = 500
    lease: float = 10.0
    longest_pause: float = 5.0
    broken_pause: float = 60.0
    prepare_every: float = 10.0
    prepare_ahead: float = 25.0
    prepared: int = 1000
    limits: EngineLimits = DEFAULT_LIMITS

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ValueError("batch_size must be at least 1")
        if not 0 < self.lease < GRACE.total_seconds():
            raise ValueError(f"lease must be shorter than {GRACE.total_seconds():g} seconds")


@dataclass(frozen=True)
class FollowerConfig:
    """How flow triggers are evaluated.

    ``batch_size``: transitions claimed at once, which bounds a transaction. ``lease`` (seconds): after which those of
    a scheduler that died are looked at by others. ``longest_pause`` (seconds) bounds the wait when news got lost.
    ``purge_every`` (seconds): how often what was met in windows that are over is removed.
    """

    batch_size: int = 100
    lease: float = 10.0
    longest_pause: float = 5.0
    purge_every: float = 3600.0
    limits: EngineLimits = DEFAULT_LIMITS
