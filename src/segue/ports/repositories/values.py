"""Loads what expressions ask for: secrets, KV values, files, error logs, plain texts (expression language 8.4).

The control plane's side of ``segue.domain.fetched_values``: the executor and the API use it directly, workers through
the controller. Access is checked here, for the flow on whose behalf is asked.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from datetime import datetime
from typing import Any, NamedTuple

from segue.domain.errors import NotFoundError, SegueError, UnavailableError
from segue.domain.execution.logs import LogEntry, LogLevel
from segue.domain.execution.model import FlowKey
from segue.domain.fetched_values import Fetched, Refused, StoredKv
from segue.domain.namespaces import lineage
from segue.domain.needs import FileInfo, ValueKind, ValueNeed
from segue.ports.clock import Clock
from segue.ports.encryption import Cipher
from segue.ports.repositories.file_access import FileAccess
from segue.ports.repositories.file_tree import NamespaceFiles
from segue.ports.repositories.kv import KvEntry, KvRepository
from segue.ports.repositories.logs import LogQuery, LogRepository
from segue.ports.secrets import SecretStore
from segue.ports.storage import Storage

ERROR_LINES = 25
LARGEST_CONTENT = 10 * 1024 * 1024
"""Bytes of a file that is read whole for an expression; expressions have lower limits of their own."""
_LOOKS_FOR_LOGS = 10
_LOG_PAUSE = 0.5


class ValueScope(NamedTuple):
    """On whose behalf is asked: a flow, and the execution where there is one."""

    flow: FlowKey
    execution_id: str | None = None


class ValueSource:
    """Everything expressions may ask of the control plane."""

    def __init__(
        self,
        *,
        kv: KvRepository,
        files: NamespaceFiles,
        storage: Storage,
        logs: LogRepository,
        secrets: SecretStore,
        access: FileAccess,
        clock: Clock,
        cipher: Cipher | None = None,
    ) -> None:
        """Without ``cipher`` nothing is decrypted."""
        self.kv = kv
        self.files = files
        self.secrets = secrets
        self.access = access
        self.cipher = cipher
        self._storage = storage
        self.logs = logs
        self._clock = clock
        self._loaders: dict[ValueKind, Callable[[ValueScope, ValueNeed], Coroutine[Any, Any, Fetched]]] = {
            ValueKind.SECRET: self._secret,
            ValueKind.FILE: self._file,
            ValueKind.CONTENT: self._content,
            ValueKind.LOGS: self._error_lines,
            ValueKind.PLAIN: self._plain,
            ValueKind.CIPHER: self._encrypted,
        }

    async def load(self, scope: ValueScope, needs: Iterable[ValueNeed]) -> dict[ValueNeed, Fetched | Refused]:
        """Each need with its value, or with why it is refused. Raises ``UnavailableError`` only.

        For a KV key of the flow's namespace, the same key of the namespaces above comes along: they are asked next.
        """
        wanted = list(dict.fromkeys(needs))
        found = await self._key_values(scope, [need for need in wanted if need.kind is ValueKind.KV])
        others = [need for need in wanted if need.kind is not ValueKind.KV]
        values = await asyncio.gather(*(self._load_one(scope, need) for need in others))
        return found | dict(zip(others, values, strict=True))

    async def _load_one(self, scope: ValueScope, need: ValueNeed) -> Fetched | Refused:
        try:
            return await self._loaders[need.kind](scope, need)
        except UnavailableError:
            raise
        except SegueError as error:
            return Refused(error.message)

    async def _key_values(self, scope: ValueScope, needs: Iterable[ValueNeed]) -> dict[ValueNeed, Fetched | Refused]:
        found: dict[ValueNeed, Fetched | Refused] = {}
        names: list[tuple[str, str]] = []
        for need in needs:
            try:
                self.access.check_namespace(scope.flow, need.namespace)
            except SegueError as error:
                found[need] = Refused(error.message)
                continue
            inherited = lineage(need.namespace) if need.namespace == scope.flow.namespace else [need.namespace]
            names += [(namespace, need.key) for namespace in inherited]
        entries = await self.kv.get_many(scope.flow.tenant, names) if names else {}
        now = self._clock.now()
        for namespace, key in names:
            entry = entries.get((namespace, key))
            found[ValueNeed(ValueKind.KV, key, namespace)] = None if entry is None else _stored(entry, now)
        return found

    async def _secret(self, scope: ValueScope, need: ValueNeed) -> Fetched:
        self.access.check_namespace(scope.flow, need.namespace)
        return await self.secrets.read(scope.flow.tenant, need.namespace, need.key)

    async def _file(self, scope: ValueScope, need: ValueNeed) -> Fetched:
        tenant = scope.flow.tenant
        if not need.namespace:
            if not need.key.startswith("kestra:"):
                raise SegueError(f"Local files are not open to this expression: {need.key[:200]}")
            uri = _absolute(need.key)
            await self.access.check_file(scope.flow, scope.execution_id, uri)
            try:
                return FileInfo(uri, await self._storage.size(tenant, uri))
            except NotFoundError:
                return None
        self.access.check_namespace(scope.flow, need.namespace)
        file = await self.files.find(tenant, need.namespace, need.key, need.revision)
        return None if file is None else FileInfo(file.uri, file.size)

    async def _content(self, scope: ValueScope, need: ValueNeed) -> Fetched:
        await self.access.check_file(scope.flow, scope.execution_id, need.key)
        content = bytearray()
        async for chunk in self._storage.get(scope.flow.tenant, need.key):
            content += chunk
            if len(content) > LARGEST_CONTENT:
                raise SegueError(f"The file is too large for an expression (more than {LARGEST_CONTENT} bytes)")
        return bytes(content)

    async def _error_lines(self, scope: ValueScope, need: ValueNeed) -> Fetched:  # noqa: ARG002  as the others
        """Waits some seconds for the first line: logs come later than the failure they tell of."""
        if scope.execution_id is None:
            return []
        query = LogQuery(tenant=scope.flow.tenant, execution_id=scope.execution_id, minimum_level=LogLevel.ERROR)
        for look in range(_LOOKS_FOR_LOGS):
            lines, _ = await self.logs.lines(query, 0, ERROR_LINES)
            if lines:
                return [log_fields(line) for line in lines]
            if look + 1 < _LOOKS_FOR_LOGS:
                await asyncio.sleep(_LOG_PAUSE)
        return []

    async def _plain(self, scope: ValueScope, need: ValueNeed) -> Fetched:  # noqa: ARG002  as the others
        if self.cipher is None:
            raise SegueError("A secret input or output cannot be decrypted: encryption is not configured")
        return self.cipher.decrypt(need.key)

    async def _encrypted(self, scope: ValueScope, need: ValueNeed) -> Fetched:  # noqa: ARG002  as the others
        if self.cipher is None:
            raise SegueError("A secret output cannot be encrypted: encryption is not configured")
        return self.cipher.encrypt(need.key)


def _stored(entry: KvEntry, now: datetime) -> StoredKv:
    return StoredKv(entry.content.native, entry.is_expired(now), entry.content)


def _absolute(uri: str) -> str:
    return "kestra:///" + uri[len("kestra:") :].lstrip("/")


def log_fields(line: LogEntry) -> dict[str, Any]:
    """A line as expressions and tasks see it, without what it does not have."""
    fields = {
        "tenantId": line.tenant,
        "namespace": line.namespace,
        "flowId": line.flow_id,
        "taskId": line.task_id,
        "executionId": line.execution_id,
        "taskRunId": line.task_run_id,
        "attemptNumber": line.attempt,
        "triggerId": line.trigger_id,
        "timestamp": line.at.isoformat().replace("+00:00", "Z"),
        "level": line.level.value,
        "thread": line.thread,
        "message": line.message,
    }
    return {name: value for name, value in fields.items() if value is not None}
