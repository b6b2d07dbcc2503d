"""What a task asks of the platform beside files: implements the SDK's ``Platform``."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from segue.domain.errors import SegueError
from segue.domain.execution.logs import LogLevel
from segue.domain.fetched_values import Refused, StoredKv
from segue.domain.kv import KvContent, check_key
from segue.domain.namespaces import lineage
from segue.domain.needs import ValueKind, ValueNeed
from segue.domain.platform.call import Answer, Call
from segue.proto.generated import worker_pb2 as pb
from segue.services.worker.control import Control


class TaskPlatform:
    """The platform as one run sees it."""

    def __init__(
        self,
        job: pb.Job,
        control: Control,
        run_task: Callable[[str], Awaitable[Mapping[str, Any] | None]],
    ) -> None:
        self._job = job
        self._control = control
        self._run_task = run_task

    def read_logs(
        self,
        execution_id: str = "",
        *,
        namespace: str = "",
        flow_id: str = "",
        task_ids: Iterable[str] = (),
        level: LogLevel = LogLevel.TRACE,
    ) -> AsyncIterator[list[dict[str, Any]]]:
        """Log lines of an execution, in pages."""
        wanted = pb.FetchLogsRequest(
            of_execution_id=execution_id,
            namespace=namespace,
            flow_id=flow_id,
            task_ids=task_ids,
            minimum_level=level,
        )
        return self._control.logs(self._job, wanted)

    async def run_task(self, text: str) -> Mapping[str, Any] | None:
        """Run the task of a YAML text in place of this one."""
        return await self._run_task(text)

    async def ask(self, call: Call[Answer]) -> Answer:
        """Make a call of ``segue.domain.platform``."""
        return await self._control.ask(self._job, call)

    async def read_kv(self, key: str, namespace: str = "") -> KvContent | None:
        """A value; in the flow's own namespace also one of the namespaces above."""
        check_key(key)
        own = self._job.flow.namespace
        names = lineage(own) if namespace in {"", own} else [namespace]
        needs = [ValueNeed(ValueKind.KV, key, name) for name in names]
        found = await self._control.values(self._job, needs)
        for need in needs:
            value = found.get(need)
            if isinstance(value, Refused):
                raise SegueError(value.reason)
            if isinstance(value, StoredKv) and value.content is not None:
                if value.expired:
                    raise SegueError(f"The value of the key '{key}' in the namespace '{need.namespace}' has expired")
                return value.content
        return None

    async def write_kv(
        self,
        key: str,
        content: KvContent,
        *,
        namespace: str = "",
        overwrite: bool = True,
        lives_for: timedelta | None = None,
        description: str = "",
    ) -> None:
        """Write a value."""
        wanted = pb.KvSet(
            key=key,
            type=content.type,
            value=msgspec.json.encode(content.value),
            overwrite=overwrite,
            description=description,
        )
        if lives_for is not None:
            if lives_for <= timedelta():
                raise SegueError("The time to live of a key must be more than zero")
            wanted.lives_us = lives_for // timedelta(microseconds=1)
        wanted.at.FromDatetime(datetime.now(UTC))
        await self._control.call_kv(self._job, pb.CallKvRequest(namespace=namespace, set=wanted))

    async def delete_kv(self, key: str, namespace: str = "") -> bool:
        """Remove a key."""
        request = pb.CallKvRequest(namespace=namespace, delete=pb.KvDelete(key=key))
        return bool(await self._control.call_kv(self._job, request))

    async def kv_keys(self, prefix: str = "", namespace: str = "") -> list[str]:
        """Keys of a namespace."""
        request = pb.CallKvRequest(namespace=namespace, list=pb.KvList(prefix=prefix))
        return await self._control.call_kv(self._job, request)
