"""Ours: what is parked and who works (design D5, D10)."""

import logging
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from segue.api.backend import Backend
from segue.domain.errors import NotFoundError, UnavailableError
from segue.ports.queue import Topic

logger = logging.getLogger(__name__)

_LARGEST_ID = 2**63 - 1


class ApiDeadLetter(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A fact that could not be processed."""

    id: int
    execution_id: str
    kind: str
    error: str
    parked_at: datetime


class ApiWorker(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A worker's lease."""

    worker_id: str
    name: str
    worker_queues: tuple[str, ...]
    slots: int
    expires_at: datetime


class Replayed(msgspec.Struct, frozen=True, rename="camel"):
    """The execution that a dead letter went back to."""

    execution_id: str


@get("/dead-letters")
async def list_dead_letters(
    backend: NamedDependency[Backend], size: Annotated[int, QueryParameter(ge=1, le=1000)] = 100
) -> list[ApiDeadLetter]:
    """Parked facts, newest first."""
    return [
        ApiDeadLetter(
            id=letter.id,
            execution_id=letter.execution_id,
            kind=letter.kind,
            error=letter.error,
            parked_at=letter.parked_at,
        )
        for letter in await backend.ports.journal.parked(size)
    ]


@post("/dead-letters/{letter_id:int}/actions/replay", status_code=200)
async def replay_dead_letter(backend: NamedDependency[Backend], letter_id: FromPath[int]) -> Replayed:
    """Put a parked fact back into the inbox it came from."""
    in_range = 0 <= letter_id <= _LARGEST_ID
    execution_id = await backend.ports.journal.revive(letter_id) if in_range else None
    if execution_id is None:
        raise NotFoundError(f"Dead letter {str(letter_id)[:20]} not found")
    try:
        await backend.ports.queue.publish(Topic.EXECUTIONS, [execution_id])
    except UnavailableError as error:
        logger.warning("execution %s waits for the reconciler: %s", execution_id, error)
    return Replayed(execution_id)


@get("/cluster/workers")
async def list_workers(backend: NamedDependency[Backend]) -> list[ApiWorker]:
    """Workers with a lease, in order of their ids."""
    return [
        ApiWorker(
            worker_id=lease.worker_id,
            name=lease.name,
            worker_queues=tuple(lease.worker_queues),
            slots=lease.slots,
            expires_at=lease.expires_at,
        )
        for lease in await backend.ports.jobs.workers()
    ]


HANDLERS: list[Any] = [list_dead_letters, replay_dead_letter, list_workers]
