"""A controller's gateway without a network and without jobs to give: for running a task by itself.

What the worker asks for goes through the same methods, checks and answers as over gRPC.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, NoReturn

import grpc

from segue.domain.execution.jobs import Job
from segue.proto.generated import worker_pb2 as pb
from segue.services.controller.config import ControllerConfig, ControllerPorts
from segue.services.controller.dispatch import Dispatcher
from segue.services.controller.gateway import Gateway, Stores
from segue.services.controller.kills import Kills
from segue.services.controller.links import Links
from segue.services.controller.reports import Reports
from segue.services.controller.sessions import HeldJob, Sessions, held_job

_METHODS = pb.DESCRIPTOR.services_by_name["WorkerGateway"].methods_by_name


class Loopback:
    """What stands in for the generated stub: ``FetchValues`` and the other calls, as attributes."""

    def __init__(self, ports: ControllerPorts, config: ControllerConfig | None = None) -> None:
        settings = config or ControllerConfig()
        sessions = Sessions()
        reports = Reports(ports, settings)
        kills = Kills(ports, sessions)
        links = Links(ports, settings, sessions, Dispatcher(ports, settings, sessions, reports.refuse), kills)
        self._gateway = Gateway(settings, sessions, links, reports, Stores.over(ports, settings))
        request = pb.ConnectRequest(worker_id="loopback", name="loopback", slots=1, worker_queues=["default"])
        self._session = sessions.begin(request, asyncio.get_running_loop().time())
        self._session.is_resumed.set()

    def hold(self, job: Job, token: str) -> HeldJob:
        """Let the worker hold a job; what it writes is noted there."""
        held = held_job(job, token, asyncio.get_running_loop().time())
        self._session.worker.hold([held])
        return held

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """The call of this name. Raises ``AttributeError`` for one that the protocol does not have."""
        if name not in _METHODS:
            raise AttributeError(name)
        method, metadata = getattr(self._gateway, name), (("segue-session", self._session.id),)
        if _METHODS[name].server_streaming:
            return lambda request, **_: _Stream(method(request, _Call(metadata)))
        return lambda request, **_: method(request, _Call(metadata))


class _Call:
    """The part of a gRPC context that the gateway uses."""

    def __init__(self, metadata: tuple[tuple[str, str], ...]) -> None:
        self._metadata = metadata

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return self._metadata

    async def abort(self, code: grpc.StatusCode, details: str) -> NoReturn:
        raise grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), details)


class _Stream:
    """The answers of a call, as a gRPC call has them."""

    def __init__(self, answers: AsyncIterator[Any]) -> None:
        self._answers = answers

    def __aiter__(self) -> AsyncIterator[Any]:
        return self._answers

    def cancel(self) -> None:
        """Nothing is on its way: answers are made when they are asked for."""
