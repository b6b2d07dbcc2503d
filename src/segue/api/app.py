"""The application: gate, routers, error documents, OpenAPI."""

import contextlib
import logging
from collections.abc import AsyncIterator

import msgspec
from litestar import Litestar, Router, get
from litestar.di import Provide
from litestar.enums import ScopeType
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, YamlRenderPlugin
from litestar.types import LifeSpanReceive, LifeSpanScope, LifeSpanSend, Receive, Scope, Send

from segue.api.action_paths import start_flow_instead
from segue.api.auth import Guard
from segue.api.backend import Backend
from segue.api.config import ApiConfig
from segue.api.gate import Gate
from segue.api.ports import ApiPorts
from segue.api.problems import MEDIA_TYPE, describe, exception_handlers
from segue.api.routers import (
    concurrency,
    configs,
    editor,
    evaluation,
    execution_actions,
    execution_answers,
    execution_bulk,
    execution_files,
    execution_replays,
    execution_values,
    executions,
    flow_graphs,
    flow_search,
    flows,
    flows_bulk,
    flows_transfer,
    insights,
    kv,
    logs,
    metrics,
    namespace_files,
    namespaces,
    operations,
    outputs,
    plugins,
    streams,
    triggers,
    triggers_bulk,
    webhooks,
)
from segue.domain.errors import SegueError

logger = logging.getLogger(__name__)

_OF_TENANT = (
    concurrency,
    flows,
    flows_bulk,
    flows_transfer,
    flow_graphs,
    flow_search,
    executions,
    execution_actions,
    execution_answers,
    execution_bulk,
    execution_files,
    execution_replays,
    execution_values,
    insights,
    evaluation,
    webhooks,
    triggers,
    triggers_bulk,
    outputs,
    streams,
    logs,
    metrics,
    kv,
    namespace_files,
    namespaces,
    operations,
    plugins,
    editor,
)


class ApiApplication(Litestar):
    """Litestar behind the gate: paths get their tenant, and callers are checked, before routing."""

    gate: Gate
    backend: Backend

    async def __call__(
        self,
        scope: Scope | LifeSpanScope,
        receive: Receive | LifeSpanReceive,
        send: Send | LifeSpanSend,
    ) -> None:
        """Serve one connection."""
        if scope["type"] == ScopeType.HTTP:
            try:
                self.gate.admit(scope)  # type: ignore[arg-type]  # the type says http
                await start_flow_instead(scope, self.backend.has_execution)  # type: ignore[arg-type]  # as above
            except SegueError as error:
                await _refuse(self.backend, error, scope, send)  # type: ignore[arg-type]  # as above
                return
        await super().__call__(scope, receive, send)


async def _refuse(backend: Backend, error: SegueError, scope: Scope, send: Send) -> None:
    document, headers = describe(error, scope["path"], backend.ports.ids)
    body = msgspec.json.encode(document)
    fields = {"content-type": MEDIA_TYPE, "content-length": str(len(body)), **headers}
    await send(
        {
            "type": "http.response.start",
            "status": document.status,
            "headers": [(name.lower().encode(), value.encode()) for name, value in fields.items()],
        }
    )
    await send({"type": "http.response.body", "body": body, "more_body": False})


@get("/ping", media_type="text/plain", include_in_schema=False, sync_to_thread=False)
def ping() -> str:
    """Whether the web server answers."""
    return "pong"


def create_app(ports: ApiPorts, config: ApiConfig | None = None) -> ApiApplication:
    """The API over these ports. Its lifespan listens to changes for waiting and following clients."""
    settings = config or ApiConfig()
    backend = Backend(ports, settings)
    handlers = [handler for module in _OF_TENANT for handler in module.HANDLERS]

    @contextlib.asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        async with backend.running():
            yield

    app = ApiApplication(
        route_handlers=[
            ping,
            Router("/api/v1", route_handlers=[*configs.HANDLERS, *plugins.HANDLERS, *editor.TENANT_LESS]),
            Router("/api/v1/{tenant:str}", route_handlers=handlers),
        ],
        dependencies={"backend": Provide(lambda: backend, sync_to_thread=False)},
        exception_handlers=exception_handlers(ports.ids),
        lifespan=[lifespan],
        openapi_config=OpenAPIConfig(
            title="Segue",
            version=settings.version,
            path="/swagger",
            render_plugins=[JsonRenderPlugin(path="/segue.json"), YamlRenderPlugin(path="/segue.yml")],
        ),
        request_max_body_size=None,
        logging_config=None,
        debug=False,
    )
    app.backend = backend
    app.gate = Gate(Guard(settings))
    return app
