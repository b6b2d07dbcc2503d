"""The controller as a service: a gRPC server and the duties behind it."""

import asyncio

import grpc

from segue.domain.errors import UnavailableError
from segue.proto.generated import worker_pb2_grpc as rpc
from segue.services.controller.config import ControllerConfig, ControllerPorts
from segue.services.controller.dispatch import Dispatcher
from segue.services.controller.gateway import Gateway, Stores
from segue.services.controller.kills import Kills
from segue.services.controller.links import Links
from segue.services.controller.reports import Reports
from segue.services.controller.sessions import Sessions
from segue.services.lifecycle import Service

_GRACE = 1.0


class Controller(Service):
    """Claims jobs for the workers connected to it, and stores what they report."""

    name = "controller"

    def __init__(self, ports: ControllerPorts, config: ControllerConfig | None = None) -> None:
        super().__init__()
        self.config = config or ControllerConfig()
        self.port = 0
        """The port it listens on, once started."""
        self._sessions = Sessions()
        reports = Reports(ports, self.config)
        self._dispatcher = Dispatcher(ports, self.config, self._sessions, reports.refuse)
        self._kills = Kills(ports, self._sessions)
        self._links = Links(ports, self.config, self._sessions, self._dispatcher, self._kills)
        self._gateway = Gateway(self.config, self._sessions, self._links, reports, Stores.over(ports, self.config))
        self._server: grpc.aio.Server | None = None

    @property
    def address(self) -> str:
        """``host:port`` for workers."""
        return f"{self.config.host}:{self.port}"

    @property
    def worker_count(self) -> int:
        """How many workers have a session here."""
        return len(self._sessions)

    async def on_start(self) -> None:
        """Listen. Raises ``UnavailableError`` when the port is taken."""
        size = self.config.max_message_bytes
        server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", size),
                ("grpc.max_send_message_length", size),
                ("grpc.so_reuseport", 0),
            ]
        )
        rpc.add_WorkerGatewayServicer_to_server(self._gateway, server)  # type: ignore[no-untyped-call]  # generated
        address = f"{self.config.host}:{self.config.port}"
        try:
            self.port = server.add_insecure_port(address)
        except RuntimeError as error:
            raise UnavailableError(f"The controller cannot listen on {address}: {error}") from error
        await server.start()
        self._server = server
        self.spawn(self._dispatcher.listen, "job-news")
        self.spawn(self._dispatcher.look_regularly, "job-fallback")
        self.spawn(self._dispatcher.run, "dispatch")
        self.spawn(self._kills.listen, "kills")
        self.spawn(self._renew_regularly, "leases")

    async def _renew_regularly(self) -> None:
        while True:
            await asyncio.sleep(self.config.heartbeat)
            await self._links.renew()
            self.recovered()

    async def on_stop(self) -> None:
        """End all streams; the workers keep their jobs and look for another controller."""
        for session in self._sessions:
            if session.stream is not None:
                session.stream.close()
        if self._server is not None:
            await self._server.stop(_GRACE)
            await asyncio.sleep(0)
            self._server = None
