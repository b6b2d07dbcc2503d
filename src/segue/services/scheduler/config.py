"""What the scheduler works with and how."""

from dataclasses import dataclass

from segue.ports.clock import Clock
from segue.ports.queue import Queue
from segue.ports.repositories.journal import Journal


@dataclass(frozen=True)
class SchedulerPorts:
    """The outside of a scheduler."""

    journal: Journal
    queue: Queue
    clock: Clock


@dataclass(frozen=True)
class SchedulerConfig:
    """How a scheduler works. ``longest_pause`` (seconds) bounds the wait when news of a timer got lost."""

    batch_size: int = 500
    longest_pause: float = 5.0
