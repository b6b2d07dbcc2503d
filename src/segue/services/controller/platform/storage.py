"""Calls about the files of executions."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from segue.domain.errors import IllegalPathError, SegueError
from segue.domain.execution.places import execution_folder, owner_of
from segue.domain.ids import slugify
from segue.domain.namespaces import check_namespace
from segue.domain.platform.storage import (
    LARGEST_SLICE,
    OwnFilesPurged,
    PurgeOwnFiles,
    PurgeStorage,
    StoragePurged,
)
from segue.ports.storage import FileEntry
from segue.services.controller.config import ControllerPorts
from segue.services.controller.platform.reach import check_scope
from segue.services.controller.sessions import HeldJob

_AT_ONCE = 16


class StorageCalls:
    """What is asked about files of executions."""

    def __init__(self, ports: ControllerPorts) -> None:
        self._storage = ports.storage
        self._access = ports.values.access

    def handlers(self) -> Iterable[tuple[Any, Any]]:
        """Each call with who answers it."""
        return ((PurgeOwnFiles, self.purge_own), (PurgeStorage, self.purge))

    async def purge_own(self, job: HeldJob, call: PurgeOwnFiles) -> OwnFilesPurged:
        """See ``PurgeOwnFiles``."""
        folder = execution_folder(job.flow, job.execution_id)
        found = await self._storage.entries(job.flow.tenant, folder, call.after, LARGEST_SLICE)
        uris = [file.uri for file in found]
        await self._delete(job.flow.tenant, uris)
        return OwnFilesPurged(uris, _next(found))

    async def purge(self, job: HeldJob, call: PurgeStorage) -> StoragePurged:
        """See ``PurgeStorage``. Raises ``SegueError`` for a flow id without a namespace."""
        if call.flow_id and not call.namespace:
            raise SegueError("'namespace' is required when 'flowId' is set.")
        check_scope(self._access, job, call.namespace, call.flow_id)
        folder = "kestra:///" + check_namespace(call.namespace).replace(".", "/") if call.namespace else "kestra:///"
        if call.flow_id:
            folder = f"{folder}/{slugify(call.flow_id)}/executions"
        found = await self._storage.entries(job.flow.tenant, folder, call.after, LARGEST_SLICE)
        of_executions = [file for file in found if _is_of_execution(file.uri)]
        matched = [
            file.uri
            for file in of_executions
            if file.modified_at <= call.modified_before
            and (call.modified_after is None or file.modified_at >= call.modified_after)
        ]
        deleted = 0 if call.is_dry_run else await self._delete(job.flow.tenant, matched)
        return StoragePurged(len(of_executions), len(matched), deleted, _next(found))

    async def _delete(self, tenant: str, uris: Sequence[str]) -> int:
        places = asyncio.Semaphore(_AT_ONCE)

        async def delete(uri: str) -> bool:
            async with places:
                return await self._storage.delete(tenant, uri)

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(delete(uri)) for uri in uris]
        return sum(task.result() for task in tasks)


def _is_of_execution(uri: str) -> bool:
    """Whether it is a file of an execution: not of a namespace, a cache or whatever else there is."""
    try:
        return bool(owner_of(uri).execution_id)
    except IllegalPathError:
        return False


def _next(found: Sequence[FileEntry]) -> str | None:
    return found[-1].uri if len(found) == LARGEST_SLICE else None
