"""What all routers share: ports, settings, and the pieces built on them once per process."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
from litestar import Request
from msgspec import UNSET

from segue.api.bulk import Bulk
from segue.api.config import ApiConfig
from segue.api.debugging import Debugger
from segue.api.flow_relations import LinkReader
from segue.api.follow import ChangeHub, keep_listening
from segue.api.operating import Operating
from segue.api.ports import ApiPorts
from segue.api.schemas.executions import ApiExecution, wire_execution
from segue.api.starting import Starter
from segue.api.submission import Inputs
from segue.api.trigger_bulk import TriggerBulk
from segue.api.trigger_control import TriggerControl
from segue.api.trigger_definitions import TriggerDefinitions
from segue.domain.errors import DefinitionError, NotFoundError, UnavailableError
from segue.domain.execution.model import Execution
from segue.domain.execution.task_run import TaskRun
from segue.ports.queue import Channel
from segue.ports.repositories.values import ValueSource

_LONGEST_ID = 200


class Backend:
    """The shared pieces, and the readings that several routers need."""

    def __init__(self, ports: ApiPorts, config: ApiConfig) -> None:
        self.ports = ports
        self.config = config
        self.starter = Starter(ports, config)
        self.inputs = Inputs(ports)
        self.debugger = Debugger(ports)
        self.links = LinkReader()
        self.changes = ChangeHub(ports.queue, Channel.EXECUTIONS)
        self.lines = ChangeHub(ports.queue, Channel.LOGS)
        self.triggers = TriggerControl(ports)
        self.trigger_bulk = TriggerBulk(ports)
        self.trigger_definitions = TriggerDefinitions(ports.flows)
        self.operating = Operating(ports, config, self.changes)
        self.bulk = Bulk(ports, config, self.operating)

    @property
    def values(self) -> ValueSource:
        """KV store, namespace files, secrets. Raises ``UnavailableError`` when this server has none."""
        if self.ports.values is None:
            raise UnavailableError("this server has no KV store, no namespace files and no secrets")
        return self.ports.values

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Listen to changes of executions, logs, flows and namespaces while the context is open."""
        duties = (
            self.changes.run(),
            self.lines.run(),
            keep_listening(self.ports.queue, Channel.FLOWS, self._forget_flows),
            keep_listening(self.ports.queue, Channel.NAMESPACES, self._forget_namespaces),
        )
        listeners = [asyncio.create_task(duty) for duty in duties]
        try:
            yield
        finally:
            await self.bulk.stop()
            await self.trigger_bulk.stop()
            for task in listeners:
                task.cancel()
            await asyncio.gather(*listeners, return_exceptions=True)

    def _forget_flows(self, names: list[str]) -> None:
        """Other processes saved these flows (``tenant/namespace/id``); any of them, when none is named."""
        for name in names:
            self.ports.catalog.invalidate(*name.split("/", 2))
        if not names:
            self.ports.catalog.invalidate_all()

    def _forget_namespaces(self, names: list[str]) -> None:
        """Other processes changed these namespaces (``tenant/namespace``); any of them, when none is named."""
        for name in names:
            self.ports.catalog.invalidate_namespace(*name.split("/", 1))
        if not names:
            self.ports.catalog.invalidate_all()

    async def find_execution(self, tenant: str, execution_id: str) -> Execution | None:
        """The execution; ids that cannot be any are not looked up."""
        return await self.ports.executions.get(tenant, execution_id) if is_id(execution_id) else None

    async def has_execution(self, tenant: str, execution_id: str) -> bool:
        """Whether there is such an execution."""
        return await self.find_execution(tenant, execution_id) is not None

    async def execution(self, tenant: str, execution_id: str) -> Execution:
        """The execution. Raises ``NotFoundError``."""
        found = await self.find_execution(tenant, execution_id)
        if found is None:
            raise NotFoundError(f"Execution {execution_id[:_LONGEST_ID]} not found")
        return found

    async def full(self, execution: Execution, url: str | None = None) -> ApiExecution:
        """An execution with its task runs and flow outputs."""
        task_runs: Sequence[TaskRun] = ()
        if execution.task_run_count:
            task_runs = await self.ports.executions.task_runs(execution.id)
        outputs = await self.all_outputs(execution)
        found = wire_execution(execution, self.ports.clock.now(), task_runs=task_runs, outputs=outputs, url=url)
        variables = execution.variables
        if variables is None:
            variables = await self._flow_variables(execution)
        return msgspec.structs.replace(found, variables=variables or UNSET)

    async def _flow_variables(self, execution: Execution) -> dict[str, Any]:
        """The variables of the flow, which an execution begins with; none when its text cannot be read any more."""
        try:
            return (await self.ports.catalog.by_key(execution.flow)).flow.variables
        except (NotFoundError, DefinitionError):
            return {}

    async def light(self, executions: Sequence[Execution]) -> list[ApiExecution]:
        """Executions as search results show them."""
        outputs = await self.flow_outputs(executions)
        now = self.ports.clock.now()
        return [wire_execution(execution, now, outputs=outputs.get(execution.id)) for execution in executions]

    async def flow_outputs(self, executions: Sequence[Execution]) -> dict[str, Any]:
        """Flow outputs kept in the database, by execution id."""
        owners = [one.id for one in executions if one.outputs is not None and one.outputs.uri is None]
        if not owners:
            return {}
        found = await self.ports.outputs.get_many(owners)
        return {owner: msgspec.json.decode(payload) for owner, payload in found.items()}

    async def all_outputs(self, execution: Execution) -> dict[str, Any] | None:
        """The flow outputs of one execution, wherever they lie."""
        reference = execution.outputs
        if reference is None or reference.uri is None:
            return (await self.flow_outputs([execution])).get(execution.id)
        chunks = [chunk async for chunk in self.ports.storage.get(execution.flow.tenant, reference.uri)]
        return dict(msgspec.json.decode(b"".join(chunks)))

    def execution_url(self, execution: Execution) -> str:
        """Where users look at an execution; a path only while no ``url`` is configured."""
        flow = execution.flow
        path = f"/ui/{flow.tenant}/executions/{flow.namespace}/{flow.flow_id}/{execution.id}"
        return (self.config.url or "") + path

    async def wait_finished(self, execution: Execution, request: Request[Any, Any, Any]) -> Execution:
        """The execution once everything of it is over, or as it is when its caller has gone."""
        gone = asyncio.create_task(_disconnected(request))
        try:
            with self.changes.watch(execution.id) as watch:
                while not execution.is_finished and not gone.done():
                    await watch.changed()
                    execution = await self.execution(execution.flow.tenant, execution.id)
            return execution
        finally:
            gone.cancel()


async def _disconnected(request: Request[Any, Any, Any]) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def is_id(text: str) -> bool:
    """Whether the text may be an id of an execution or a task run."""
    return 0 < len(text) <= _LONGEST_ID and text.isascii() and text.replace("-", "").replace("_", "").isalnum()
