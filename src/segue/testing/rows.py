"""The rows a database would keep for executions, in dictionaries: what ``World`` runs on."""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from segue.domain.engine.decision import Decision
from segue.domain.engine.needs import (
    ChildrenNeed,
    ExecutionNeed,
    FailedChildrenNeed,
    FileLines,
    FlowNeed,
    LineCountNeed,
    LinesNeed,
    Need,
    OutputsNeed,
    RecordsNeed,
    SlotNeed,
)
from segue.domain.engine.slots import slot_answer, slot_request
from segue.domain.engine.state import ExecutionState
from segue.domain.engine.value_rows import CHUNK, values_owner
from segue.domain.errors import NotFoundError
from segue.domain.execution.facts import Created, Fact, SlotGranted
from segue.domain.execution.iterations import iteration_id
from segue.domain.execution.jobs import Job, Timer
from segue.domain.execution.logs import LogEntry
from segue.domain.execution.model import Execution
from segue.domain.execution.slots import SlotAnswer
from segue.domain.execution.state import State
from segue.domain.execution.task_run import TaskRun
from segue.domain.execution.value_lines import LineSplitter, iteration_record, line_value, record_line
from segue.domain.flow.compiled import CompiledFlow
from segue.testing.slots import SlotRows


@dataclass
class Rows:
    """Executions with all that belongs to them; decisions are applied as a database would."""

    flows: dict[tuple[str, str], list[CompiledFlow]] = field(default_factory=dict)
    executions: dict[str, Execution] = field(default_factory=dict)
    task_runs: dict[str, dict[str, TaskRun]] = field(default_factory=dict)
    outputs: dict[str, bytes] = field(default_factory=dict)
    inbox: dict[str, list[Fact]] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    timers: dict[str, Timer] = field(default_factory=dict)
    logs: list[LogEntry] = field(default_factory=list)
    slots: SlotRows = field(default_factory=SlotRows)
    decisions: list[Decision] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)

    def tell(self, execution_id: str, fact: Fact) -> None:
        """Put a fact into an inbox."""
        self.inbox.setdefault(execution_id, []).append(fact)

    def state(self, execution_id: str) -> ExecutionState:
        """The execution as its rows have it."""
        execution = self.executions[execution_id]
        key = execution.flow
        flow = self.flows[key.namespace, key.flow_id][key.revision - 1]
        return ExecutionState(flow, execution, self.task_runs[execution_id].values())

    def apply(self, state: ExecutionState, decision: Decision) -> None:
        """Write a decision, all of it."""
        execution = msgspec.structs.replace(state.execution, version=state.execution.version + 1)
        self.write(execution)
        runs = self.task_runs[execution.id]
        runs |= decision.new_runs | decision.changed_runs
        for run_id in decision.removed_runs:
            del runs[run_id]
            self.outputs.pop(run_id, None)
        self.outputs |= {new.owner_id: new.payload for new in decision.outputs}
        for run_id in decision.dropped_jobs:
            self.jobs.pop(run_id, None)
        self.jobs |= decision.jobs
        for timer_id in decision.dropped_timers:
            self.timers.pop(timer_id, None)
        self.timers |= decision.timers
        for new in decision.executions.values():
            if new.execution.id not in self.executions:
                self.write(new.execution)
                self.task_runs[new.execution.id] |= {run.id: run for run in new.task_runs}
                self._copy_outputs(dict(new.copied_outputs))
                self.tell(new.execution.id, Created())
        for fact in decision.facts:
            self.tell(fact.execution_id, fact.fact)
        if decision.frees_slot:
            self.release_slot(execution.id)
        self.logs += decision.logs
        self.decisions.append(decision)

    def _copy_outputs(self, targets: dict[str, str]) -> None:
        """Copy the outputs of task runs with what the engine keeps for them."""
        for owner, payload in list(self.outputs.items()):
            source, mark, rest = owner.partition("#")
            if source in targets:
                self.outputs[targets[source] + mark + rest] = payload

    def write(self, execution: Execution) -> None:
        """Write an execution row."""
        self.executions[execution.id] = execution
        self.task_runs.setdefault(execution.id, {})

    def release_slot(self, execution_id: str) -> None:
        """Give an execution's slot, or its place in the queue, to the next."""
        for woken in self.slots.release(execution_id):
            self.tell(woken, SlotGranted())

    def take_slot(self, state: ExecutionState, need: SlotNeed) -> SlotAnswer:
        """A slot for an execution, under the limit of the flow's latest revision."""
        execution = state.execution
        latest = self.flows[execution.flow.namespace, execution.flow.flow_id][-1]
        limit = latest.flow.concurrency
        if limit is None:
            return SlotAnswer.FREE
        row = self.executions.get(execution.id)
        request = slot_request(state, latest.revision, limit, need)
        taken = self.slots.take(request, None if row is None else row.version)
        for woken in taken.woken:
            self.tell(woken, SlotGranted())
        return slot_answer(limit, held=taken.held, waits=taken.waits)

    def load(self, state: ExecutionState, need: Need) -> None:
        """Put what is needed into the state."""
        match need:
            case OutputsNeed():
                state.outputs[need.owner_id] = msgspec.json.decode(self.outputs[need.owner_id])
            case FlowNeed():
                revisions = self.flows.get((need.namespace, need.flow_id), [])
                if not revisions or (need.revision or 1) > len(revisions):
                    state.found[need] = NotFoundError(f"Flow '{need.namespace}.{need.flow_id}' does not exist")
                else:
                    state.found[need] = revisions[(need.revision or len(revisions)) - 1]
            case FailedChildrenNeed():
                state.found[need] = [
                    (one.id, one.caller.task_run_id)
                    for one in self.executions.values()
                    if one.caller is not None
                    and one.caller.execution_id == need.execution_id
                    and one.state is State.FAILED
                ]
            case ExecutionNeed():
                state.found[need] = self.executions.get(need.execution_id)
            case LineCountNeed():
                state.found[need] = len(self._file_values(need.uri))
            case LinesNeed():
                state.found[need] = self._file_slice(need)
            case RecordsNeed():
                state.found[need] = self._records(need)
            case SlotNeed():
                state.found[need] = self.take_slot(state, need)
            case ChildrenNeed():
                state.found[need] = [
                    one.id
                    for one in self.executions.values()
                    if one.caller is not None and one.caller.execution_id == need.execution_id and not one.is_finished
                ]

    def _file_values(self, uri: str) -> list[str]:
        values = [line_value(line.decode()) for line in self.files[uri].split(b"\n")]
        return [value for value in values if value is not None]

    def _file_slice(self, need: LinesNeed, rows: int = 3) -> FileLines:
        """A few values only, so that a short file already has several slices."""
        splitter = LineSplitter(need.offset)
        values: list[str] = []
        content = self.files[need.uri][need.offset :]
        for line in splitter.feed(content if content.endswith(b"\n") else content + b"\n"):
            value = line_value(line.decode())
            if value is not None:
                values.append(value)
            if len(values) == rows:
                break
        return FileLines(values, splitter.offset)

    def _records(self, need: RecordsNeed) -> Any:
        keys, values = self._loop_values(need)
        records = []
        for index, value in enumerate(values[: need.started]):
            payload = self.outputs.get(iteration_id(need.task_run_id, index))
            if payload is not None:
                key = keys[index] if keys else None
                records.append(iteration_record(index, key, value, msgspec.json.decode(payload)))
        if need.target_uri is None:
            return records
        self.files[need.target_uri] = b"".join(map(record_line, records))
        return need.target_uri

    def _loop_values(self, need: RecordsNeed) -> tuple[list[str], list[str]]:
        if need.values_uri is not None:
            return [], self._file_values(need.values_uri)
        keys: list[str] = []
        values: list[str] = []
        for number in range(-(-need.started // CHUNK)):
            row = msgspec.json.decode(self.outputs[values_owner(need.task_run_id, number)])
            keys += row["keys"] or []
            values += row["values"]
        return keys, values
