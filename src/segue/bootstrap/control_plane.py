"""The roles of the control plane, a function each: which parts a process has, in the order they start.

They stop in reverse: first nothing new comes in (API), then workers and controller, then what decides,
then queue and database.
"""

from dataclasses import replace

from segue.api.app import create_app
from segue.api.config import ApiConfig, Credentials
from segue.api.documents import RestDocuments
from segue.api.ports import ApiPorts
from segue.bootstrap.assembly import Assembly, Part
from segue.bootstrap.backends import Backends, backends, global_variables
from segue.bootstrap.guard import check_grpc, check_http
from segue.bootstrap.http import HttpServer
from segue.bootstrap.management import DatabaseWatch, management_server
from segue.bootstrap.process import Launch
from segue.bootstrap.rendering import http_function
from segue.bootstrap.worker_process import WorkerProcess
from segue.config import Configuration
from segue.domain.execution.limits import EngineLimits
from segue.domain.flow.parse import fill_defaults
from segue.plugins.documents import Library
from segue.ports.repositories.flow_expressions import FlowExpressions
from segue.services.controller import Controller, ControllerConfig, ControllerPorts
from segue.services.executor import Executor, ExecutorConfig, ExecutorPorts
from segue.services.lifecycle import Service
from segue.services.maintenance.liveness import Liveness
from segue.services.maintenance.reconciler import Reconciler
from segue.services.maintenance.slots import SlotKeeper
from segue.services.maintenance.triggers import TriggerKeeper
from segue.services.scheduler import (
    FollowerConfig,
    FollowerPorts,
    Followers,
    SchedulerPorts,
    Settling,
    Timers,
    TriggerConfig,
    TriggerPorts,
    Triggers,
)


def standalone(configuration: Configuration, launch: Launch) -> Assembly:
    """The control plane in this process, and a worker process beside it (none with 0 threads)."""
    check_http(configuration)
    check_grpc(configuration)
    outside = backends(configuration, shared=False)
    controller = _controller(configuration, outside)
    web = _web(configuration, outside)
    services: list[Service] = [
        _executor(configuration, outside),
        *_scheduler(configuration, outside),
        *_maintenance(outside),
        controller,
    ]
    if configuration.worker.threads > 0:
        grace = configuration.server.termination_grace_period.total_seconds()
        services.append(
            WorkerProcess(
                launch.worker_arguments,
                lambda: _local_address(controller),
                lambda: controller.worker_count > 0,
                grace + 5,
                launch.worker,
            )
        )
    return _assemble("standalone", configuration, outside, [*services, web], controller, web)


def executor(configuration: Configuration, launch: Launch) -> Assembly:  # noqa: ARG001  all roles are called alike
    """Executor with its maintenance duties."""
    outside = backends(configuration, shared=True)
    return _assemble("executor", configuration, outside, [_executor(configuration, outside), *_maintenance(outside)])


def scheduler(configuration: Configuration, launch: Launch) -> Assembly:  # noqa: ARG001  all roles are called alike
    """Timers and triggers."""
    outside = backends(configuration, shared=True)
    return _assemble("scheduler", configuration, outside, _scheduler(configuration, outside))


def controller(configuration: Configuration, launch: Launch) -> Assembly:  # noqa: ARG001  all roles are called alike
    """The gRPC server of the workers."""
    check_grpc(configuration)
    outside = backends(configuration, shared=True)
    service = _controller(configuration, outside)
    return _assemble("controller", configuration, outside, [service], service)


def webserver(configuration: Configuration, launch: Launch) -> Assembly:  # noqa: ARG001  all roles are called alike
    """The REST API."""
    check_http(configuration)
    outside = backends(configuration, shared=True)
    web = _web(configuration, outside)
    return _assemble("webserver", configuration, outside, [web], web=web)


def _assemble(
    role: str,
    configuration: Configuration,
    outside: Backends,
    services: list[Service],
    controller: Controller | None = None,
    web: HttpServer | None = None,
) -> Assembly:
    services = [DatabaseWatch(outside.database), *services]
    management = management_server(configuration, role, services)
    parts: list[Part] = [outside.database, outside.queue, outside.storage, *services, management]

    def addresses() -> dict[str, str]:
        found = {"http": web.url} if web is not None else {}
        found["management"] = management.url
        return found | ({"grpc": _local_address(controller)} if controller is not None else {})

    return Assembly(role, parts, addresses)


def _executor(configuration: Configuration, outside: Backends) -> Executor:
    return Executor(
        ExecutorPorts(
            journal=outside.database.journal,
            queue=outside.queue,
            catalog=outside.catalog,
            storage=outside.storage,
            clock=outside.clock,
            renderer=outside.renderer,
            slots=outside.database.slots,
            followers=outside.database.followers,
            values=outside.values,
            http=http_function(configuration),
        ),
        ExecutorConfig(limits=engine_limits(configuration)),
    )


def _scheduler(configuration: Configuration, outside: Backends) -> list[Service]:
    expressions = FlowExpressions(
        outside.renderer.engine,
        replace(outside.renderer.services(), http=http_function(configuration)),
        outside.values,
        global_variables(configuration),
    )
    ports = TriggerPorts(
        triggers=outside.database.triggers,
        catalog=outside.catalog,
        expressions=expressions,
        queue=outside.queue,
        clock=outside.clock,
        encrypt=outside.encrypt,
    )
    following = FollowerPorts(
        followers=outside.database.followers,
        executions=outside.database.executions,
        outputs=outside.database.outputs,
        storage=outside.storage,
        catalog=outside.catalog,
        expressions=expressions,
        queue=outside.queue,
        clock=outside.clock,
        ids=outside.ids,
        encrypt=outside.encrypt,
    )
    limits = engine_limits(configuration)
    return [
        Timers(SchedulerPorts(journal=outside.database.journal, queue=outside.queue, clock=outside.clock)),
        Triggers(ports, TriggerConfig(limits=limits)),
        Settling(ports, TriggerConfig(limits=limits)),
        Followers(following, FollowerConfig(limits=limits)),
    ]


def _maintenance(outside: Backends) -> list[Service]:
    return [
        Liveness(outside.database.jobs, outside.queue, outside.clock),
        Reconciler(outside.database.journal, outside.queue, outside.clock),
        SlotKeeper(outside.database.slots, outside.queue),
        TriggerKeeper(outside.database.triggers, outside.queue, outside.clock),
    ]


def _controller(configuration: Configuration, outside: Backends) -> Controller:
    token = configuration.controller.registration_token
    return Controller(
        ControllerPorts(
            jobs=outside.database.jobs,
            executions=outside.database.executions,
            outputs=outside.database.outputs,
            flows=outside.database.flows,
            triggers=outside.database.triggers,
            storage=outside.storage,
            queue=outside.queue,
            clock=outside.clock,
            values=outside.values,
            prepare_flow=lambda source, settings: fill_defaults(
                source, outside.types, (*settings.plugin_defaults, *outside.defaults)
            ),
            settings=outside.namespaces.of,
            documents=RestDocuments(),
        ),
        ControllerConfig(
            host=configuration.controller.host,
            port=configuration.controller.port,
            registration_token=token.get_secret_value() if token else "",
            globals=global_variables(configuration),
            dialect=configuration.expressions.dialect,
        ),
    )


def _web(configuration: Configuration, outside: Backends) -> HttpServer:
    server = configuration.server
    credentials = server.basic_auth.credentials
    database = outside.database
    app = create_app(
        ApiPorts(
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
            storage=outside.storage,
            queue=outside.queue,
            catalog=outside.catalog,
            types=outside.types,
            plugins=Library(outside.types),
            plugin_defaults=outside.defaults,
            clock=outside.clock,
            ids=outside.ids,
            engine=outside.renderer.engine,
            services=replace(outside.renderer.services(), http=http_function(configuration)),
            values=outside.values,
            globals=global_variables(configuration),
            encrypt=outside.encrypt,
        ),
        ApiConfig(
            url=configuration.url.rstrip("/") if configuration.url else None,
            credentials=Credentials(*credentials) if credentials else None,
            open_paths=server.basic_auth.open_urls,
            max_backlog=configuration.limits.max_backlog,
            limits=engine_limits(configuration),
            max_body_bytes=server.max_request_size,
        ),
    )
    return HttpServer("http", app, server.host, server.port, "--port")


def engine_limits(configuration: Configuration) -> EngineLimits:
    """The limits of executions."""
    limits = configuration.limits
    return EngineLimits(
        inline_output_bytes=limits.inline_outputs_size,
        max_task_runs=limits.max_task_runs,
        trigger_chain=limits.trigger_chain,
        max_inputs_bytes=limits.max_inputs_size,
        max_variables_bytes=limits.max_variables_size,
        max_label_bytes=limits.max_labels_size,
    )


def _local_address(controller: Controller) -> str:
    host = controller.config.host
    return f"{'127.0.0.1' if host in {'0.0.0.0', '::'} else host}:{controller.port}"  # noqa: S104  compared, not bound
