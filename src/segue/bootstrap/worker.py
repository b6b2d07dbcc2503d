"""The role of a worker. Nothing of a database, a queue or an API is imported here."""

import socket
from dataclasses import replace

from segue.bootstrap.assembly import Assembly
from segue.bootstrap.expressions import expression_engine
from segue.bootstrap.plugin_defaults import plugin_configurations
from segue.bootstrap.process import Launch
from segue.bootstrap.rendering import http_function
from segue.bootstrap.scripts import PythonScripts
from segue.config import Configuration
from segue.plugins.registry import PluginRegistry
from segue.ports.rendering import machine_services
from segue.services.worker import Worker, WorkerConfig


def worker(configuration: Configuration, launch: Launch) -> Assembly:
    """A worker: it reaches controllers and nothing else. As a child it has no management port."""
    section = configuration.worker
    token = section.registration_token or configuration.controller.registration_token
    service = Worker(
        WorkerConfig(
            endpoints=tuple(f"{end.host}:{end.port}" for end in section.controllers.static.endpoints),
            name=section.name or socket.gethostname(),
            slots=max(1, section.threads),
            worker_queues=section.queues,
            registration_token=token.get_secret_value() if token else "",
            plugin_configurations=plugin_configurations(configuration),
            stop_grace=configuration.server.termination_grace_period.total_seconds(),
        ),
        PluginRegistry(folders=configuration.plugins.paths),
        engine=expression_engine(configuration),
        services=replace(machine_services(), http=http_function(configuration)),
    )
    scripts = PythonScripts(section.python)
    if launch.parent_pid is not None:
        return Assembly("worker", [scripts, service], dict)
    from segue.bootstrap.management import management_server

    management = management_server(configuration, "worker", [service])
    return Assembly("worker", [scripts, service, management], lambda: {"management": management.url})
