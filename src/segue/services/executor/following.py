"""Which of the states that executions entered are for flow triggers to look at (flow language 12.6)."""

from collections.abc import Sequence

from segue.domain.execution.model import Execution, ExecutionKind
from segue.domain.execution.state import State
from segue.domain.trigger.followers import Followers
from segue.ports.repositories.followers import FollowerRepository, Transition


class Following:
    """The flow triggers of all flows, as new as the batch asks for.

    Every batch reads how often flow triggers have changed; only what changed is read then. An execution that ends
    after a flow was saved is therefore never missed, and without flow triggers nothing is done.
    """

    def __init__(self, followers: FollowerRepository) -> None:
        self._repository = followers
        self._followers = Followers()

    async def renew(self, epoch: int) -> None:
        """Bring the flow triggers up to ``epoch``. Raises ``UnavailableError``."""
        if epoch <= self._followers.epoch:
            return
        news = await self._repository.news(self._followers.epoch)
        for flow, interests in news.flows.items():
            self._followers.replace(flow, interests)
        self._followers.epoch = max(news.epoch, epoch)

    def transitions(self, execution: Execution, seen: int) -> Sequence[Transition]:
        """The states after the first ``seen`` ones of its history that a flow trigger may wait for."""
        if execution.kind is not ExecutionKind.NORMAL:
            return ()
        flow = execution.flow
        return [
            Transition(execution_id=execution.id, number=number, flow=flow, state=moment.state, at=moment.at)
            for number, moment in enumerate(execution.status.histories[seen:], seen)
            if moment.state is not State.CREATED and self._followers.of(flow, moment.state)
        ]


def seen_before(execution: Execution) -> int:
    """How many states of an execution flow triggers have been told of when a step begins: all, or of one that no
    step has seen yet only its creation."""
    return 1 if execution.version == 0 else len(execution.status.histories)
