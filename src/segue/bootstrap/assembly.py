"""The parts of one process and the order in which they start and stop."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from segue.services.lifecycle import Service

logger = logging.getLogger(__name__)


class Part(Protocol):
    """Anything that is started and stopped: an adapter or a service."""

    async def start(self) -> None:
        """Start it; raise what keeps it from starting."""
        ...

    async def stop(self) -> None:
        """Stop it in an orderly way."""
        ...


@dataclass(frozen=True)
class Assembly:
    """One role, ready to start. Parts start in order and stop in reverse."""

    role: str
    parts: Sequence[Part]
    addresses: Callable[[], dict[str, str]]
    """What the process can be reached at, once it runs."""

    @property
    def services(self) -> list[Service]:
        """The parts that have a health."""
        return [part for part in self.parts if isinstance(part, Service)]

    async def start(self) -> None:
        """Start everything. When a part cannot start, those before it are stopped and its error is raised."""
        for number, part in enumerate(self.parts):
            try:
                await part.start()
            except BaseException:
                await self._stop(self.parts[:number])
                raise

    async def stop(self) -> None:
        """Stop everything; a part that fails to stop is logged and the rest goes on."""
        await self._stop(self.parts)

    async def _stop(self, parts: Sequence[Part]) -> None:
        for part in reversed(parts):
            try:
                await part.stop()
            except Exception:
                logger.exception("%s did not stop in an orderly way", type(part).__name__)
