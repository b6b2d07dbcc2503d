"""Flows and the plugins of their tasks, made once per revision."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

import msgspec

from segue.domain.flow import CompiledFlow, parse_flow
from segue.domain.namespace_settings import NamespaceSettings
from segue.proto.generated import worker_pb2 as pb
from segue.services.worker.binding import BoundTask, Plugins, bind, bind_trigger
from segue.services.worker.control import Control

Key = tuple[str, str, str, int, str]
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class FlowCache:
    """The flows the worker runs tasks of, the most recent ones kept."""

    def __init__(self, control: Control, plugins: Plugins, size: int) -> None:
        self._control = control
        self._plugins = plugins
        self._size = size
        self._flows: OrderedDict[Key, CompiledFlow] = OrderedDict()
        self._loading: dict[Key, asyncio.Task[CompiledFlow]] = {}

    def find(self, job: pb.Job) -> BoundTask | None:
        """The job's task when its flow is at hand, else None. Raises as ``load``, but for fetching."""
        key = _key(job.flow)
        flow = self._flows.get(key)
        if flow is None:
            return None
        self._flows.move_to_end(key)
        return self._bound(flow, job)

    async def load(self, job: pb.Job) -> BoundTask:
        """The job's task; its flow is fetched, once for all who wait.

        Raises ``SegueError`` when the flow or the task is not there, cannot be read, or has a type that
        this worker does not know.
        """
        key = _key(job.flow)
        flow = self._flows.get(key)
        if flow is None:
            loading = self._loading.get(key)
            if loading is None:
                loading = self._loading[key] = asyncio.create_task(self._fetch(key, job.flow))
                loading.add_done_callback(lambda _: self._loading.pop(key, None))
            flow = await asyncio.shield(loading)
        return self._bound(flow, job)

    def _bound(self, flow: CompiledFlow, job: pb.Job) -> BoundTask:
        find = bind_trigger if job.trigger else bind
        return find(flow, job.task_id, self._plugins)

    def forget(self, flows: Iterable[pb.FlowKey]) -> None:
        """Drop flows that were invalidated."""
        for flow in flows:
            self._flows.pop(_key(flow), None)

    async def _fetch(self, key: Key, flow: pb.FlowKey) -> CompiledFlow:
        fetched = await self._control.flow(flow)
        report = parse_flow(fetched.source, self._plugins, strict=False)
        variables = _decode(fetched.namespace_variables) if fetched.namespace_variables else {}
        settings = NamespaceSettings(flow.settings, variables)
        compiled = CompiledFlow(
            report.valid_flow(), flow.revision, flow.tenant, dialect=report.dialect, settings=settings
        )
        self._flows[key] = compiled
        while len(self._flows) > self._size:
            self._flows.popitem(last=False)
        return compiled


def _key(flow: pb.FlowKey) -> Key:
    return flow.tenant, flow.namespace, flow.flow_id, flow.revision, flow.settings
