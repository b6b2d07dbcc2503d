"""Groups of tasks, one after the other (flow language 7.3, 7.16)."""

from segue.domain.engine.flowables.base import FlowableRun
from segue.domain.execution.state import State
from segue.domain.flow.flowables import AllowFailure, Sequential


class SequentialRun(FlowableRun[Sequential]):
    """Its tasks in order."""


class AllowFailureRun(FlowableRun[AllowFailure]):
    """Its tasks in order; their failure is a warning for the rest of the flow."""

    def final_state(self) -> State:
        """WARNING in place of FAILED."""
        state = super().final_state()
        return State.WARNING if state is State.FAILED else state
