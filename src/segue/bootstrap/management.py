"""The management port of a process: the health of its parts."""

import asyncio
from collections.abc import Sequence
from typing import Any

import psutil

from segue.api.management import create_management_app
from segue.bootstrap.http import HttpServer
from segue.config import Configuration
from segue.ports.repositories.database import Database
from segue.services.lifecycle import Service

_EVERY = 5.0
_PATIENCE = 5.0


class DatabaseWatch(Service):
    """Asks the database for a sign of life, so that health need not wait for one."""

    name = "database"

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._database = database

    async def on_start(self) -> None:
        """Begin to ask."""
        self.spawn(self._watch, "ping")

    async def _watch(self) -> None:
        while True:
            try:
                async with asyncio.timeout(_PATIENCE):
                    await self._database.ping()
                self.recovered()
            except Exception as error:
                self.last_error = str(error) or type(error).__name__
            await asyncio.sleep(_EVERY)


def management_server(configuration: Configuration, role: str, services: Sequence[Service]) -> HttpServer:
    """The HTTP server of health, version and metrics for these services."""
    process = psutil.Process()
    gauges = {
        "process_resident_memory_bytes": lambda: float(process.memory_info().rss),
        "process_cpu_seconds_total": lambda: sum(process.cpu_times()[:2]),
    }
    app: Any = create_management_app(
        {service.name: service.health for service in services}, gauges, server_type=role.upper()
    )
    server = configuration.server
    return HttpServer("management", app, server.host, server.management_port, "--management-port")
