"""What a trigger sees of its evaluation beside what a task sees: the other half of the SDK's ``TriggerContext``."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from segue.proto.generated import worker_pb2 as pb
from segue.sdk import TriggerInfo
from segue.services.worker.binding import BoundTask


class TriggerSide:
    """Part of a context."""

    job: pb.Job
    bound: BoundTask
    when_stored: Callable[[], Awaitable[None]] | None = None
    """Of a stream: returns once its events are stored."""
    remembered: dict[str, Any] | None = None
    """What is kept for the next poll."""

    @property
    def trigger(self) -> TriggerInfo:
        """Of an evaluation: the trigger."""
        return TriggerInfo(self.bound.task_id, self.bound.type)

    @property
    def memory(self) -> Mapping[str, Any]:
        """What the last poll of the trigger remembered."""
        return msgspec.json.decode(self.job.memory) if self.job.memory else {}

    def remember(self, memory: Mapping[str, Any]) -> None:
        """Keep something for the next poll."""
        self.remembered = dict(memory)

    async def stored(self) -> None:
        """Return once all events given so far are stored."""
        if self.when_stored is not None:
            await self.when_stored()
