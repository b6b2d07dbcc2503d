"""The connection to a controller: made again for ever, while what runs goes on."""

import asyncio
import contextlib
import itertools
import logging
import random
from collections import deque
from collections.abc import AsyncIterator, Callable

import grpc

from segue import __version__
from segue.expr import dialect_named
from segue.proto.generated import worker_pb2 as pb
from segue.proto.generated import worker_pb2_grpc as rpc
from segue.services.worker.config import WorkerConfig
from segue.services.worker.control import Connected, Control, Terms
from segue.services.worker.journal import stamp
from segue.services.worker.runner import Runner

logger = logging.getLogger(__name__)
PROTOCOL = 1
_FEATURES = ("triggers",)


class ConnectionLost(Exception):  # noqa: N818 - an event, handled by connecting again
    """The session ended: the controller went away, or is silent."""


class Outbox:
    """What is said on one Work stream; each stream has its own, since the end of one is noticed late."""

    def __init__(self) -> None:
        self._messages: deque[pb.WorkRequest] = deque()
        self._news = asyncio.Event()

    def say(self, request: pb.WorkRequest) -> None:
        """Put a message on the way."""
        self._messages.append(request)
        self._news.set()

    async def requests(self) -> AsyncIterator[pb.WorkRequest]:
        """All messages, until good-bye was said."""
        while True:
            while self._messages:
                request = self._messages.popleft()
                yield request
                if request.HasField("goodbye"):
                    return
            self._news.clear()
            await self._news.wait()


class Link:
    """One session at a time, with whichever controller answers."""

    def __init__(
        self,
        worker_id: str,
        config: WorkerConfig,
        control: Control,
        runner: Runner,
        *,
        news: asyncio.Event,
        on_connect: Callable[[], None],
    ) -> None:
        """``news`` is set when the spool has something to send."""
        self._on_connect = on_connect
        self._worker_id = worker_id
        self._config = config
        self._control = control
        self._runner = runner
        self._news = news
        self._outbox = Outbox()
        self._heard_at = 0.0
        self.is_connected = asyncio.Event()
        """Set while a session is open."""
        self._is_disconnected = asyncio.Event()

    async def run(self) -> None:
        """A duty: connect, serve, and connect again."""
        delay = self._config.reconnect_delay
        for endpoint in itertools.cycle(self._config.endpoints):
            began = _time()
            try:
                await self._connect(endpoint)
            except grpc.aio.AioRpcError as error:
                logger.warning("controller %s: %s %s", endpoint, error.code().name, error.details())
            except ConnectionLost as error:
                logger.warning("controller %s: %s", endpoint, error)
            if _time() - began > self._config.reconnect_delay_limit:
                delay = self._config.reconnect_delay
            await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311 - spreads workers, no secret
            delay = min(delay * 2, self._config.reconnect_delay_limit)

    async def leave(self, seconds: float) -> None:
        """Say good-bye and wait until the controller has taken note, at most so long."""
        if self.is_connected.is_set():
            self._outbox.say(pb.WorkRequest(goodbye=pb.Goodbye()))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._is_disconnected.wait()

    async def _connect(self, endpoint: str) -> None:
        size = self._config.max_message_bytes
        options = [
            ("grpc.max_receive_message_length", size),
            ("grpc.max_send_message_length", size),
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.initial_reconnect_backoff_ms", 100),
        ]
        async with grpc.aio.insecure_channel(endpoint, options=options) as channel:
            stub = rpc.WorkerGatewayStub(channel)  # type: ignore[no-untyped-call]  # generated
            answer = await stub.Connect(self._introduction(), timeout=self._config.connect_timeout)
            metadata = (("segue-session", answer.session_id),)
            terms = Terms(
                int(answer.inline_output_bytes),
                int(answer.chunk_bytes),
                answer.globals,
                dialect_named(answer.expression_dialect),
            )
            logger.info("connected to controller %s", endpoint)
            await self._serve(Connected(stub, metadata), terms, answer)

    async def _serve(self, to: Connected, terms: Terms, answer: pb.ConnectResponse) -> None:
        self._outbox = Outbox()
        tokens, runs = self._runner.held()
        self._outbox.say(pb.WorkRequest(resume=pb.Resume(tokens=tokens, task_run_ids=runs)))
        self._runner.spool.rewind()
        self._news.set()
        self._heard_at = _time()
        self._control.attach(to, terms)
        parts = [
            asyncio.create_task(self._listen(to)),
            asyncio.create_task(self._report(to)),
            asyncio.create_task(self._beat(answer.heartbeat_ms / 1000, answer.lease_ms / 1000)),
        ]
        self._runner.connected(self._ask)
        self.is_connected.set()
        self._on_connect()
        self._is_disconnected.clear()
        try:
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            for part in done:
                part.result()
            raise ConnectionLost("the controller ended the session")
        finally:
            self.is_connected.clear()
            self._is_disconnected.set()
            self._runner.disconnected()
            self._control.detach()
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)

    async def _listen(self, to: Connected) -> None:
        """The Work stream: what is said goes up, jobs and kills come down."""
        async for message in to.stub.Work(self._outbox.requests(), metadata=to.metadata):
            self._heard_at = _time()
            kind = message.WhichOneof("message")
            if kind == "jobs":
                self._runner.take(message.jobs.jobs)
            elif kind == "kill":
                self._runner.kill(message.kill.tokens)
            elif kind == "invalidate":
                self._runner.flows.forget(message.invalidate.flows)

    async def _beat(self, interval: float, lease: float) -> None:
        """Speak regularly; give the session up when the controller does not answer."""
        while True:
            await asyncio.sleep(interval)
            if _time() - self._heard_at > lease:
                raise ConnectionLost("the controller is silent")
            beat = pb.WorkRequest(heartbeat=pb.Heartbeat())
            stamp(beat.heartbeat.at)
            self._outbox.say(beat)

    async def _report(self, to: Connected) -> None:
        """The Report stream: batches up while the window is open, acknowledgements down."""
        call = to.stub.Report(metadata=to.metadata)
        writer = asyncio.create_task(self._send_reports(call))
        try:
            async for ack in call:
                self._heard_at = _time()
                self._runner.acknowledged(ack.number)
                self._news.set()
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)

    async def _send_reports(self, call: grpc.aio.StreamStreamCall) -> None:
        spool, window = self._runner.spool, self._config.report_window
        while True:
            while spool.on_the_way < window and (batch := spool.next_batch()) is not None:
                await call.write(batch)
            self._news.clear()
            if spool.on_the_way >= window or not spool.has_news:
                await self._news.wait()

    def _ask(self, slots: int, streams: int) -> None:
        self._outbox.say(pb.WorkRequest(credits=pb.Credits(slots=slots, streams=streams)))

    def _introduction(self) -> pb.ConnectRequest:
        config = self._config
        return pb.ConnectRequest(
            protocol=PROTOCOL,
            features=_FEATURES,
            worker_id=self._worker_id,
            name=config.name,
            version=__version__,
            slots=config.slots,
            worker_queues=config.worker_queues,
            registration_token=config.registration_token,
        )


def _time() -> float:
    return asyncio.get_running_loop().time()
