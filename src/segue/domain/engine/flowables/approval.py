"""A review gate (flow language 7.14)."""

from typing import Any

import msgspec

from segue.domain.engine.block import advance_sides
from segue.domain.engine.flowables.base import FlowableRun
from segue.domain.engine.flowables.pause import set_pause_timer
from segue.domain.engine.kill import end_because_of, pause_timer_id
from segue.domain.engine.rendering import outputs_of
from segue.domain.engine.state import MAIN
from segue.domain.errors import SegueError
from segue.domain.execution.context import format_instant
from segue.domain.execution.facts import Reviewed, Verdict
from segue.domain.execution.state import State
from segue.domain.flow.flowables import Approval, ApprovalOutcome
from segue.domain.flow.tasks import Task
from segue.expr import is_truthy

_BRANCHES = {Verdict.APPROVED: "onApprove", Verdict.DENIED: "onDeny"}
_ENDS = {
    ApprovalOutcome.CONTINUE: State.SUCCESS,
    ApprovalOutcome.WARN: State.WARNING,
    ApprovalOutcome.FAIL: State.FAILED,
}
_ENDS_OF_ALL = {
    ApprovalOutcome.SUCCEED: State.SUCCESS,
    ApprovalOutcome.CANCEL: State.CANCELLED,
    ApprovalOutcome.KILL: State.KILLED,
}
_COMMENTED = {"ON_DENY": Verdict.DENIED, "ON_APPROVE": Verdict.APPROVED}


def needs_comment(rule: str, verdict: Verdict) -> bool:
    """Whether a review with this verdict must say why (``commentRequired``)."""
    return rule == "ALWAYS" or _COMMENTED.get(rule) is verdict


class ApprovalRun(FlowableRun[Approval]):
    """``onWait``, then PAUSED until it is reviewed or due, then the branch and the behaviour of the verdict."""

    def begin(self) -> None:
        """Say where to review and until when."""
        progress = self.progress
        if self.run.outputs is not None:
            self.run = progress.update(msgspec.structs.replace(self.run, outputs=None))
        flow = progress.execution.flow
        place = f"{flow.namespace}/{flow.flow_id}/{progress.execution.id}"
        known: dict[str, Any] = {"url": f"/ui/{flow.tenant}/executions/{place}"}
        limit = set_pause_timer(progress, self.run, self.task.timeout)
        if limit is not None:
            known["due"] = format_instant(progress.now + limit)
        self.remember(known)

    def advance(self) -> None:
        """Wait, or do what the verdict asks for."""
        known = outputs_of(self.progress.state, self.run)
        verdict = Verdict(known["decision"]) if "decision" in known else None
        if self.progress.state.tally(self.run.id, MAIN).has_failed:
            self._fail()
        elif not self.sequence(self._tasks(verdict)):
            return
        elif verdict is not None:
            self._follow(verdict)
        elif is_truthy(self.progress.render(str(self.task.auto_approve).lower(), self.run)):
            self._decide({"decision": Verdict.APPROVED.value, "auto": True})
            self.advance()
        else:
            self.progress.move(self.run, State.PAUSED)

    def timer_due(self, purpose: str) -> None:
        """Nobody has answered in time."""
        if purpose == "pause" and "decision" not in outputs_of(self.progress.state, self.run):
            self._decide({"decision": Verdict.EXPIRED.value, "auto": True})

    def reviewed(self, fact: Reviewed) -> None:
        """Take the answer. Raises ``SegueError`` for one that lacks its comment; the wait then lasts."""
        rule = self.progress.render(self.task.comment_required, self.run).strip().upper()
        if needs_comment(rule, fact.verdict) and not (fact.comment or "").strip():
            raise SegueError("The review needs a comment")
        self._decide(
            {
                "decision": fact.verdict.value,
                "auto": False,
                "by": fact.by,
                "comment": fact.comment,
                "inputs": fact.inputs,
            }
        )

    def _tasks(self, verdict: Verdict | None) -> tuple[Task, ...]:
        branch = () if verdict not in _BRANCHES else self.section(_BRANCHES[verdict])
        return (*self.section("onWait"), *branch)

    def _decide(self, answer: dict[str, Any]) -> None:
        known = outputs_of(self.progress.state, self.run)
        self.progress.drop_timer(pause_timer_id(self.run))
        self.remember({**known, **answer, "on": format_instant(self.progress.now)})
        self.run = self.progress.move(self.run, State.RUNNING)

    def _follow(self, verdict: Verdict) -> None:
        outcome = {
            Verdict.APPROVED: self.task.approve_behavior,
            Verdict.DENIED: self.task.deny_behavior,
            Verdict.EXPIRED: self.task.expire_behavior,
        }[verdict]
        if outcome in _ENDS_OF_ALL:
            end_because_of(self.progress, self.run, _ENDS_OF_ALL[outcome])
            return
        has_failed = outcome is ApprovalOutcome.FAIL
        if advance_sides(self.progress, self.run, has_failed=has_failed):
            state = self.final_state()
            self.end(_ENDS[outcome] if state is State.SUCCESS else state)

    def _fail(self) -> None:
        self.progress.drop_timer(pause_timer_id(self.run))
        if advance_sides(self.progress, self.run):
            self.end(self.final_state())
