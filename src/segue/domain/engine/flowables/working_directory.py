"""Tasks that share a directory on one worker (flow language 7.15)."""

import msgspec

from segue.domain.engine.block import advance_sides, guess_state, restart_run
from segue.domain.engine.flowables.base import FlowableRun
from segue.domain.engine.inner import inner_tasks, reserve_runs, take_back
from segue.domain.engine.sending import job_roots, send
from segue.domain.engine.state import AFTER, MAIN, phase_of
from segue.domain.execution.state import State
from segue.domain.flow.flowables import WorkingDirectory

_STOPPING = frozenset({State.FAILED, State.KILLED, State.CANCELLED})


class WorkingDirectoryRun(FlowableRun[WorkingDirectory]):
    """One job for all of its tasks; errors and finally are the engine's afterwards."""

    def begin(self) -> None:
        """Send it to a worker with ids for the task runs inside."""
        progress = self.progress
        roots = job_roots(progress, self.task, self.run)
        first = reserve_runs(progress, len(self.section("tasks")))
        self.run = progress.update(msgspec.structs.replace(self.run, first_inner=first, inner_end=None))
        send(progress, self.task, self.run, roots, inner_tasks(progress, self.run, first))

    def advance(self) -> None:
        """Wait for the worker, then run the branches and end."""
        end = self.run.inner_end
        if end is None:
            return
        if not self._is_left_alone() and not advance_sides(self.progress, self.run, has_failed=end in _STOPPING):
            return
        self.end(self.final_state())

    def final_state(self) -> State:
        """What the worker said of the whole when that went wrong, else what follows from the tasks."""
        end = self.run.inner_end
        if end in _STOPPING:
            return end
        return guess_state(self.progress.state.tally(self.run.id, MAIN))

    def restart(self) -> None:
        """All of it runs again, with its task runs removed (11.3)."""
        progress = self.progress
        for run_id in progress.state.child_ids(self.run.id):
            progress.remove(progress.state.runs[run_id])
        self.run = take_back(progress, self.run)
        if self.run.outputs is not None:
            progress.state.outputs.pop(self.run.id, None)
            self.run = progress.update(msgspec.structs.replace(self.run, outputs=None))
        self.run = restart_run(progress, self.run)

    def _is_left_alone(self) -> bool:
        """Whether what is around it has ended: then no branch runs any more."""
        state = self.progress.state
        if any(ancestor.state.is_terminated for ancestor in state.ancestors(self.run)):
            return True
        is_after = phase_of(state.flow.get_node(self.task.id).root) == AFTER
        return state.execution.state.is_terminated and not is_after
