"""The desk where every call of a task arrives: read, handed to who knows about it, answered as JSON."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any

import msgspec

from segue.domain.errors import LimitExceededError, SegueError
from segue.domain.platform.call import Call
from segue.proto.generated import worker_pb2 as pb
from segue.services.controller.config import ControllerConfig, ControllerPorts
from segue.services.controller.fetch import held_job
from segue.services.controller.platform.executions import ExecutionCalls
from segue.services.controller.platform.flows import FlowCalls
from segue.services.controller.platform.logs import LogCalls
from segue.services.controller.platform.operating import OperatingCalls
from segue.services.controller.platform.storage import StorageCalls
from segue.services.controller.platform.stores import StoreCalls
from segue.services.controller.platform.triggers import TriggerCalls
from segue.services.controller.sessions import HeldJob, Session

Handler = Callable[[HeldJob, Any], Awaitable[Any]]
_MOST_BYTES = 8 * 1024 * 1024


class Desk:
    """Answers the calls of one controller. A job reaches the namespaces its flow may use, and no more."""

    def __init__(self, ports: ControllerPorts, config: ControllerConfig) -> None:
        self._chunk_bytes = config.chunk_bytes
        self._handlers: dict[str, tuple[type[Call[Any]], Handler]] = {}
        self._take(ExecutionCalls(ports, config).handlers())
        for subject in (FlowCalls, OperatingCalls, LogCalls, StorageCalls, StoreCalls, TriggerCalls):
            self._take(subject(ports).handlers())

    def _take(self, handlers: Iterable[tuple[type[Call[Any]], Handler]]) -> None:
        self._handlers.update((call.verb, (call, handler)) for call, handler in handlers)

    async def answer(self, session: Session, request: pb.AskRequest) -> AsyncIterator[bytes]:
        """The answer in chunks.

        Raises ``NotFoundError`` when the worker does not hold the job, ``SegueError`` for a verb or arguments that
        nobody understands, and whatever the handler raises.
        """
        job = held_job(session, request.token)
        if request.verb not in self._handlers:
            raise SegueError(f"This control plane knows no verb '{request.verb[:100]}'")
        if len(request.arguments) > _MOST_BYTES:
            raise LimitExceededError(f"The arguments of a call may have {_MOST_BYTES} bytes at most", "arguments")
        kind, handler = self._handlers[request.verb]
        try:
            call = msgspec.json.decode(request.arguments, type=kind)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise SegueError(f"The arguments of '{request.verb}' cannot be read: {error}") from None
        answer = msgspec.json.encode(await handler(job, call))
        for start in range(0, len(answer), self._chunk_bytes):
            yield answer[start : start + self._chunk_bytes]
