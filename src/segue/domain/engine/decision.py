"""What a step decided: everything to be written, and what it still needs to know (design D1)."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from segue.domain.engine.needs import Need
from segue.domain.execution.creation import NewExecution
from segue.domain.execution.facts import Fact, OutgoingFact
from segue.domain.execution.jobs import Job, Timer
from segue.domain.execution.limits import DEFAULT_LIMITS, EngineLimits
from segue.domain.execution.logs import LogEntry
from segue.domain.execution.task_run import OutputReference, TaskRun
from segue.domain.trigger.state import TriggerKey

__all__ = ["DEFAULT_LIMITS", "Decision", "EngineLimits", "NewOutputs", "TriggerEnd"]


@dataclass(frozen=True, slots=True)
class NewOutputs:
    """Outputs the engine itself made: of a flowable, or of the flow (owner: the execution's id).

    ``payload`` is their JSON. With a ``reference`` that has a URI they are to be written there before the
    decision is stored, and kept in the database otherwise.
    """

    owner_id: str
    value: dict[str, Any]
    payload: bytes
    reference: OutputReference


@dataclass(frozen=True, slots=True)
class TriggerEnd:
    """The end of an execution that a trigger has started (flow language 12.2). ``stopped`` is to be disabled."""

    at: datetime
    stopped: TriggerKey | None = None


@dataclass(slots=True)
class Decision:
    """The difference one step made. ``needs`` names what has to be loaded before the step can go on: load it
    into the state and advance again, without facts; the decision then grows.

    ``executions`` are started with this one's change, in one transaction; ``facts`` are for other executions.
    ``frees_slot``: the execution's slot, or its place in the queue, goes to the next one. ``ends_trigger``: its
    trigger hears that it is over.
    ``waiting`` are facts that could not be joined before what they need is loaded.
    """

    execution_changed: bool = False
    new_runs: dict[str, TaskRun] = field(default_factory=dict)
    changed_runs: dict[str, TaskRun] = field(default_factory=dict)
    removed_runs: set[str] = field(default_factory=set)
    outputs: list[NewOutputs] = field(default_factory=list)
    jobs: dict[str, Job] = field(default_factory=dict)
    dropped_jobs: set[str] = field(default_factory=set)
    timers: dict[str, Timer] = field(default_factory=dict)
    dropped_timers: set[str] = field(default_factory=set)
    logs: list[LogEntry] = field(default_factory=list)
    executions: dict[str, NewExecution] = field(default_factory=dict)
    facts: list[OutgoingFact] = field(default_factory=list)
    frees_slot: bool = False
    ends_trigger: TriggerEnd | None = None
    needs: set[Need] = field(default_factory=set)
    waiting: list[Fact] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (
            self.execution_changed
            or self.new_runs
            or self.changed_runs
            or self.removed_runs
            or self.outputs
            or self.jobs
            or self.dropped_jobs
            or self.timers
            or self.dropped_timers
            or self.logs
            or self.executions
            or self.facts
            or self.frees_slot
            or self.ends_trigger
        )
