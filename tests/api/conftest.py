"""The real application over a real SQLite file, memory queue and local storage. No executor runs here."""

from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from segue.adapters.databases.sql.database import SqlDatabase
from segue.adapters.queues.memory import MemoryQueue
from segue.adapters.secrets.aes import AesCipher
from segue.adapters.secrets.environment import EnvironmentSecrets
from segue.adapters.storages.local import LocalStorage
from segue.api import ApiConfig, ApiPorts, create_app
from segue.api.app import ApiApplication
from segue.domain.flow import TypeInfo
from segue.domain.namespaces import NamespaceAccess
from segue.expr import Engine
from segue.ports.clock import SystemClock, SystemIds
from segue.ports.rendering import machine_services
from segue.ports.repositories.catalog import FlowCatalog
from segue.ports.repositories.file_access import FileAccess
from segue.ports.repositories.file_tree import NamespaceFiles
from segue.ports.repositories.namespace_settings import NamespaceCatalog
from segue.ports.repositories.values import ValueSource

CIPHER = AesCipher("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
LOG = "io.kestra.plugin.core.log.Log"
WEBHOOK = "io.kestra.plugin.core.trigger.Webhook"


class Catalogue:
    """Knows one task, with its properties, and the conditions of 1.x."""

    def resolve(self, type_name: str) -> TypeInfo | None:
        """See ``TypeCatalogue``."""
        if type_name.startswith("io.kestra.plugin.core.condition."):
            return TypeInfo("condition", type_name)
        return TypeInfo("task", LOG, _check_log) if type_name == LOG else None


def _check_log(properties: Mapping[str, Any]) -> list[tuple[tuple[str | int, ...], str]]:
    return [((name,), f'Unrecognized field "{name}"') for name in properties if name not in {"message", "level"}]


@dataclass
class Server:
    """The parts of a running application, and a client that speaks to it."""

    client: httpx.AsyncClient
    database: SqlDatabase
    queue: MemoryQueue
    storage: LocalStorage
    ports: ApiPorts
    app: ApiApplication

    async def save(self, text: str) -> dict[str, Any]:
        """Store a flow."""
        answer = await self.client.post("/api/v1/main/flows", content=text.encode())
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def save_or_update(self, text: str) -> None:
        """Store a flow whether it is new or not."""
        answer = await self.client.post("/api/v1/main/flows/bulk?delete=false", content=text.encode())
        assert answer.status_code == 200, answer.text

    async def run(self, flow: str = "company.team/hello", **options: Any) -> dict[str, Any]:
        """Start an execution."""
        answer = await self.client.post(f"/api/v1/main/executions/{flow}", **options)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


Serve = Callable[..., Awaitable[Server]]


@asynccontextmanager
async def serving(
    folder: Path, config: ApiConfig | None = None, secrets: Mapping[str, str] | None = None, **ports: Any
) -> AsyncIterator[Server]:
    database = SqlDatabase(f"sqlite:///{folder / 'segue.db'}")
    queue, storage = MemoryQueue(), LocalStorage(folder / "storage")
    for part in (database, queue, storage):
        await part.start()
    types, clock = Catalogue(), SystemClock()
    environment = {f"SECRET_{key}": b64encode(value.encode()).decode() for key, value in (secrets or {}).items()}
    source = ValueSource(
        kv=database.kv,
        files=NamespaceFiles(database.namespace_files, storage, clock),
        storage=storage,
        logs=database.logs,
        secrets=EnvironmentSecrets(environment),
        access=FileAccess(database.executions, NamespaceAccess.ALL),
        clock=clock,
        cipher=CIPHER,
    )
    all_ports = ApiPorts(
        flows=database.flows,
        executions=database.executions,
        outputs=database.outputs,
        logs=database.logs,
        insights=database.insights,
        journal=database.journal,
        jobs=database.jobs,
        slots=database.slots,
        namespaces=database.namespaces,
        triggers=database.triggers,
        metrics=database.metrics,
        storage=storage,
        queue=queue,
        catalog=FlowCatalog(database.flows, types, namespaces=NamespaceCatalog(database.namespaces)),
        types=types,
        ids=SystemIds(),
        engine=Engine(),
        **({"clock": clock, "values": source, "services": machine_services(clock)} | ports),
    )
    app = create_app(all_ports, config or ApiConfig(operation_wait=0.05))
    transport = httpx.ASGITransport(app=app)
    try:
        async with app.backend.running(), httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            yield Server(client, database, queue, storage, all_ports, app)
    finally:
        for part in (storage, queue, database):
            await part.stop()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with serving(tmp_path) as running:
        yield running


def flow(flow_id: str = "hello", namespace: str = "company.team", more: str = "") -> str:
    """The text of a small flow."""
    return f"""id: {flow_id}
namespace: {namespace}
tasks:
  - id: greet
    type: {LOG}
    message: Hello
{more}"""
