"""What a step decided: everything to be written, and what it still needs to know (design D1)."""

from dataclasses import dataclass, field
from typing import Any

from segue.domain.execution.jobs import Job, Timer
from segue.domain.execution.logs import LogEntry
from segue.domain.execution.task_run import OutputReference, TaskRun
from segue.domain.needs import ValueNeed


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
class EngineLimits:
    """Sizes the engine heeds. ``inline_output_bytes``: larger outputs go to internal storage."""

    inline_output_bytes: int = 64 * 1024


@dataclass(slots=True)
class Decision:
    """The difference one step made. ``needs`` names owners of outputs to be loaded before the step can
    go on: load them into the state and advance again, without facts; the decision then grows."""

    execution_changed: bool = False
    new_runs: dict[str, TaskRun] = field(default_factory=dict)
    changed_runs: dict[str, TaskRun] = field(default_factory=dict)
    outputs: list[NewOutputs] = field(default_factory=list)
    jobs: dict[str, Job] = field(default_factory=dict)
    dropped_jobs: set[str] = field(default_factory=set)
    timers: dict[str, Timer] = field(default_factory=dict)
    dropped_timers: set[str] = field(default_factory=set)
    logs: list[LogEntry] = field(default_factory=list)
    needs: set[str] = field(default_factory=set)
    value_needs: set[ValueNeed] = field(default_factory=set)
    """Secrets, KV values and files that expressions ask for: provide them to the renderer, as for ``needs``."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (
            self.execution_changed
            or self.new_runs
            or self.changed_runs
            or self.outputs
            or self.jobs
            or self.dropped_jobs
            or self.timers
            or self.dropped_timers
            or self.logs
        )
