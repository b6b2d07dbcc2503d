"""An execution for every batch of a file (flow language 7.9)."""

from collections.abc import Mapping

from segue.domain.engine.calling import Call, child_outputs, log_end
from segue.domain.engine.flowables.base import EngineRun, FlowableRun
from segue.domain.engine.needs import FailedChildrenNeed
from segue.domain.engine.rendering import outputs_of
from segue.domain.engine.state import MAIN
from segue.domain.errors import SegueError
from segue.domain.execution.facts import ChildChanged
from segue.domain.execution.jobs import Timer, TimerKind
from segue.domain.execution.model import execution_folder
from segue.domain.execution.requests import RestartRequested
from segue.domain.execution.state import State
from segue.domain.execution.task_run import TaskRun
from segue.domain.flow.flowables import BATCH_NAME, ForEachItem, ForEachItemCalls, RestartBehavior
from segue.domain.ids import slugify

_PER_STEP = 200
_WORST_FIRST = (State.FAILED, State.KILLED, State.WARNING)


class ForEachItemRun(FlowableRun[ForEachItem]):
    """Split, call, merge: one after the other."""


class ForEachItemCallsRun(EngineRun[ForEachItemCalls]):
    """The executions of all batches, a bounded number of them at the same time.

    The outputs of the task run are its only memory: how many batches there are and how many executions are in
    which state. Those that were started are all that are counted.
    """

    def begin(self) -> None:
        """Take over what the split has found."""
        progress = self.progress
        split = outputs_of(progress.state, self._sibling())
        Call(progress, self.task, self.run).target  # noqa: B018  fails here rather than at the first batch
        folder = f"{execution_folder(progress.execution)}/tasks/{slugify(self.task.id)}/{self.run.id}"
        known = {"numberOfBatches": split["numberOfBatches"], "subflowOutputsBaseUri": folder}
        parent = progress.state.runs[self.run.parent_id or ""]
        progress.store_outputs(parent, known)
        counts = {State.CREATED: 0, State.RUNNING: 0, State.SUCCESS: 0}
        self.remember({"iterations": counts, **known, "splits": split["splits"]})

    def advance(self) -> None:
        """Start as many as there is room for; end when all have ended."""
        known = outputs_of(self.progress.state, self.run)
        counts, total = dict(known["iterations"]), known["numberOfBatches"]
        limits, decision = self.progress.limits, self.progress.decision
        started = sum(counts.values())
        room = max(0, limits.calls_at_once - _open(counts))
        upto = min(total, started + min(room, max(0, _PER_STEP - len(decision.executions))))
        call = Call(self.progress, self.task, self.run)
        for index in range(started, upto):
            uri = known["splits"].rpartition("/")[0] + "/" + BATCH_NAME.format(index)
            call.start(len(self.run.attempts), {"taskrun": {"items": uri, "iteration": index}}, index=index)
        if upto > started:
            _count(counts, State.CREATED if self.task.wait else State.SUCCESS, upto - started)
            self.remember({**known, "iterations": counts})
        if upto < min(total, started + room):
            self._come_again()
        elif upto == total and not _open(counts):
            self.end(self._state(counts))

    def child_changed(self, fact: ChildChanged) -> None:
        """Count it; keep the outputs of one that has ended."""
        known = outputs_of(self.progress.state, self.run)
        found = child_outputs(self.progress, fact) if fact.is_finished else None
        counts, restarting = dict(known["iterations"]), known.get("restarting", 0)
        if fact.state is State.RESTARTED and fact.previous is State.PAUSED:
            return  # a pause counts as running
        if fact.state is State.RESTARTED and restarting:
            known = {**known, "restarting": restarting - 1}  # counted when it was asked for
        elif fact.state is State.RESTARTED:
            _move(counts, fact.previous, State.RUNNING)
        elif fact.successor_id is not None:
            _move(counts, fact.previous, State.CREATED)
        elif fact.is_finished:
            _move(counts, fact.previous, fact.state)
            log_end(self.progress, fact, self.run)
        elif fact.state is State.RUNNING:
            _move(counts, State.CREATED, State.RUNNING)
        else:
            return
        if found is not None:
            uri = f"{known['subflowOutputsBaseUri']}/{fact.index}/outputs.ion"
            self.progress.store_file(uri, f"{fact.child_id}#file", found)
        self.remember({**known, "iterations": counts})

    def restart(self) -> None:
        """Restart the executions that have failed, or start all again where new ones are wanted."""
        progress = self.progress
        if self.task.restart_behavior is RestartBehavior.NEW_EXECUTION or self.run.outputs is None:
            super().restart()
            return
        known = outputs_of(progress.state, self.run)
        children: list[tuple[str, str]] = progress.state.find(FailedChildrenNeed(progress.execution.id))
        failed = [execution_id for execution_id, run_id in children if run_id == self.run.id]
        for execution_id in failed:
            progress.tell(execution_id, RestartRequested(), "restart")
        counts = dict(known["iterations"])
        _count(counts, State.FAILED, -len(failed))
        _count(counts, State.RUNNING, len(failed))
        self.remember({**known, "iterations": counts, "restarting": len(failed)})
        self.run = progress.begin_attempt(self.run, progress.now)
        self.run = progress.move(self.run, State.RUNNING)

    def _state(self, counts: Mapping[str, int]) -> State:
        if not self.task.transmit_failed:
            return State.SUCCESS
        return next((state for state in _WORST_FIRST if counts.get(state)), State.SUCCESS)

    def _sibling(self) -> TaskRun:
        """The task run that has split the file."""
        state = self.progress.state
        ids = list(state.tally(self.run.parent_id, MAIN).ids)
        if not ids or state.runs[ids[0]].outputs is None:
            raise SegueError("The file to be split has no batches: the split has not run")
        return state.runs[ids[0]]

    def _come_again(self) -> None:
        """Go on in another step: this one has started enough."""
        timer = Timer(
            id=f"{self.run.id}:more",
            execution_id=self.run.execution_id,
            kind=TimerKind.TASK,
            due_at=self.progress.now,
            task_run_id=self.run.id,
        )
        self.progress.decision.timers[timer.id] = timer


def _open(counts: Mapping[str, int]) -> int:
    """How many executions have begun and not ended."""
    return counts.get(State.CREATED, 0) + counts.get(State.RUNNING, 0)


def _count(counts: dict[str, int], state: str, by: int) -> None:
    counts[state] = counts.get(state, 0) + by


def _move(counts: dict[str, int], before: State | None, after: State) -> None:
    _count(counts, before or State.CREATED, -1)
    _count(counts, after, 1)
