"""An HTTP server as a service: uvicorn inside our event loop, without its signal handlers."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn

from segue.domain.errors import UnavailableError
from segue.services.lifecycle import Service

_BACKLOG = 2048
_GRACE = 3
_POLL = 0.005


class _Server(uvicorn.Server):
    """Signals belong to the process, not to one of its servers."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class HttpServer(Service):
    """Serves one ASGI application. ``port`` is the real one after the start."""

    def __init__(self, name: str, app: Any, host: str, port: int, option: str) -> None:
        """``option`` is the command line option that sets the port, for the error when it is taken."""
        super().__init__()
        self.name = name
        self.host = host
        self.port = port
        self._app = app
        self._option = option
        self._server: uvicorn.Server | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where to reach it from this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)  # noqa: S104  compared, not bound
        return f"http://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{self.port}"

    async def on_start(self) -> None:
        """Listen. Raises ``UnavailableError`` when the port is taken."""
        listener = self._listen()
        self.port = listener.getsockname()[1]
        settings = uvicorn.Config(
            self._app,
            http="httptools",
            loop="none",
            lifespan="on",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=_GRACE,
            timeout_keep_alive=75,
        )
        self._server = _Server(settings)
        self._task = self.spawn_once(self._server.serve(sockets=[listener]), "serve")
        while not self._server.started:
            if self._task.done():
                listener.close()
                raise UnavailableError(f"the {self.name} server on {self.host}:{self.port} did not start")
            await asyncio.sleep(_POLL)

    async def on_stop(self) -> None:
        """Take no new connections, let requests end for some seconds."""
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def _listen(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((self.host, self.port))
            listener.listen(_BACKLOG)
            listener.setblocking(False)
        except OSError as error:
            listener.close()
            raise UnavailableError(
                f"cannot listen on {self.host}:{self.port}: {error.strerror}; choose another port with "
                f"{self._option} (0 takes a free one)"
            ) from error
        return listener
