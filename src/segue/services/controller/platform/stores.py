"""Calls about old keys of the KV store and old revisions of namespace files."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from segue.domain.errors import ConflictError, NotFoundError, SegueError
from segue.domain.globs import FilePatterns
from segue.domain.kv import check_key
from segue.domain.kv_merge import merged
from segue.domain.namespaces import check_namespace
from segue.domain.platform.stores import (
    LARGEST_SLICE,
    KeyMerged,
    MergeKey,
    PurgeFileVersions,
    PurgeKeys,
    PurgeKeyVersions,
    VersionsPurged,
)
from segue.domain.wildcards import fits
from segue.ports.repositories.kv import KvEntry, KvQuery, KvWrite
from segue.ports.repositories.namespace_files import NamespaceFile
from segue.ports.repositories.paging import PageRequest
from segue.services.controller.config import ControllerPorts
from segue.services.controller.sessions import HeldJob

_TRIES = 8


class StoreCalls:
    """What is asked about old versions of keys and namespace files."""

    def __init__(self, ports: ControllerPorts) -> None:
        self._kv = ports.values.kv
        self._register = ports.values.files.register
        self._storage = ports.storage
        self._access = ports.values.access
        self._clock = ports.clock

    def handlers(self) -> Iterable[tuple[Any, Any]]:
        """Each call with who answers it."""
        return (
            (MergeKey, self.merge_key),
            (PurgeKeys, self.purge_keys),
            (PurgeKeyVersions, self.purge_key_versions),
            (PurgeFileVersions, self.purge_file_versions),
        )

    async def merge_key(self, job: HeldJob, call: MergeKey) -> KeyMerged:
        """See ``MergeKey``. Raises ``ConflictError`` when others keep on writing the key."""
        namespace, tenant = check_namespace(call.namespace), job.flow.tenant
        self._access.check_namespace(job.flow, namespace)
        check_key(call.key)
        for _ in range(_TRIES):
            now = self._clock.now()
            before = await self._kv.get(tenant, namespace, call.key)
            there = None if before is None or before.is_expired(now) else before
            if there is None and call.must_exist:
                return KeyMerged(was_there=False)
            write = KvWrite(
                tenant=tenant,
                namespace=namespace,
                key=call.key,
                content=merged(None if there is None else there.content, call.value),
                at=now,
                description=None if there is None else there.description,
                expires_at=None if there is None else there.expires_at,
                after_version=0 if before is None else before.version,
            )
            try:
                await self._kv.put(write)
            except ConflictError:
                continue
            return KeyMerged(was_there=there is not None)
        raise ConflictError(f"The key '{call.key}' is being written by others all the time: try again")

    async def purge_keys(self, job: HeldJob, call: PurgeKeys) -> VersionsPurged:
        """See ``PurgeKeys``."""
        found, after = await self._keys(job, call.namespace, call.after)
        now = self._clock.now()
        keys = [entry.key for entry in found if fits(call.pattern or "*", entry.key)]
        expired_at = now if call.expired_only else None
        removed = await self._kv.delete(job.flow.tenant, call.namespace, keys, expired_at=expired_at)
        return VersionsPurged(len(removed), after)

    async def purge_key_versions(self, job: HeldJob, call: PurgeKeyVersions) -> VersionsPurged:
        """See ``PurgeKeyVersions``."""
        _check_behavior(call.keep, call.before)
        found, after = await self._keys(job, call.namespace, call.after)
        keys = [entry.key for entry in found if fits(call.pattern or "*", entry.key)]
        count = await self._kv.forget_versions(
            job.flow.tenant, call.namespace, keys, keep=call.keep, before=call.before
        )
        return VersionsPurged(count, after)

    async def purge_file_versions(self, job: HeldJob, call: PurgeFileVersions) -> VersionsPurged:
        """See ``PurgeFileVersions``. Contents go after their entries in the register."""
        _check_behavior(call.keep, call.before)
        self._access.check_namespace(job.flow, check_namespace(call.namespace))
        patterns = FilePatterns([call.pattern] if call.pattern else [], anywhere=True)
        tenant, count = job.flow.tenant, 0
        paths = await self._register.paths(tenant, call.namespace, call.after, LARGEST_SLICE)
        for path in paths:
            if patterns and not patterns.match(path):
                continue
            revisions = await self._register.revisions(tenant, call.namespace, path)
            old = _old(revisions, call.keep, call.before)
            for gone in await self._register.forget(tenant, call.namespace, path, old) if old else ():
                count += 1
                if gone.uri:
                    await self._delete(tenant, gone.uri)
        return VersionsPurged(count, paths[-1] if len(paths) == LARGEST_SLICE else None)

    async def _delete(self, tenant: str, uri: str) -> None:
        try:
            await self._storage.delete(tenant, uri)
        except NotFoundError:
            return

    async def _keys(self, job: HeldJob, namespace: str, after: str) -> tuple[list[KvEntry], str | None]:
        self._access.check_namespace(job.flow, check_namespace(namespace))
        page = PageRequest(1, LARGEST_SLICE, (("key", True),))
        query = KvQuery(tenant=job.flow.tenant, namespaces=(namespace,), key_after=after or None, page=page)
        found = (await self._kv.search(query)).items
        return found, found[-1].key if len(found) == LARGEST_SLICE else None


def _check_behavior(keep: int | None, before: datetime | None) -> None:
    if (keep is None) == (before is None) or (keep is not None and keep < 1):
        raise SegueError("Either `keepAmount`, 1 or more, or `before` is needed")


def _old(revisions: Sequence[NamespaceFile], keep: int | None, before: datetime | None) -> list[int]:
    """The revisions that go, never the newest."""
    older = list(revisions[:-1]) if keep is None else list(revisions[: -max(keep, 1)])
    return [file.revision for file in older if before is None or file.updated_at < before]
