"""A container in a worker's hands: begun or taken over, followed to its end, and removed (core plugins 15)."""

import asyncio
import contextlib
import json
from collections.abc import Coroutine, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any, BinaryIO

from segue.plugins.scripts.runner.docker.archive import Owner, Transfer, pack, remove_gone, unpack
from segue.plugins.scripts.runner.docker.creation import LABEL, MACHINE, RESUMABLE
from segue.plugins.scripts.runner.docker.engine import Engine, EngineBrokenError, EngineError
from segue.plugins.scripts.runner.docker.frames import FrameReader
from segue.plugins.scripts.runner.docker.leases import Lease, take, this_machine
from segue.plugins.scripts.runner.docker.owners import ROOT, numeric_owner, owner_in
from segue.plugins.scripts.runner.docker.streams import CHUNK, read_by, written_by
from segue.sdk import LineSplitter, RunContext, RunnerCommand, Stream

_RECONNECT_AFTER = 0.5
_RECONNECTS = 20
_LOG_ENDS_WITHIN = 2.0
_LINES_AT_ONCE = 200


@dataclass
class Container:
    """A container and the lock that says that it is held here. ``id`` is empty until it is created."""

    name: str
    lease: Lease | None
    id: str = ""
    folder: str = ""
    """The working directory as the command finds it."""
    output_dir: str | None = None
    """The output directory, likewise."""
    has_volume: bool = False
    is_resumed: bool = False


async def find_to_resume(engine: Engine, context: RunContext) -> Container | None:
    """A container of this task run that a worker of this machine has lost, started already. It is held then."""
    run = context.task_run
    labels = [f"{LABEL}taskrun-id={run.id}", f"{MACHINE}={this_machine()}", f"{RESUMABLE}=true"]
    for found in await containers(engine, labels):
        attempt = found["Labels"].get(f"{LABEL}taskrun-attempt", "")
        if not attempt.isdecimal() or int(attempt) > run.attempt or found.get("State") == "created":
            continue
        name = name_in(found)
        lease = take(name)
        if lease is None:
            continue
        try:
            details = await engine.ask("GET", f"/containers/{found['Id']}/json")
        except BaseException as error:
            lease.release(is_gone=False)
            if isinstance(error, EngineError) and error.status == 404:
                continue
            raise
        env = dict(entry.partition("=")[::2] for entry in details["Config"].get("Env") or ())
        folder, output_dir = details["Config"]["WorkingDir"], env.get("OUTPUT_DIR")
        return Container(name, lease, found["Id"], folder, output_dir, has_volume=True, is_resumed=True)
    return None


async def containers(engine: Engine, labels: list[str]) -> list[dict[str, Any]]:
    """All containers with these labels, running or not."""
    found = await engine.ask(
        "GET", "/containers/json", params={"all": "true", "filters": json.dumps({"label": labels})}
    )
    return [{**entry, "Labels": entry.get("Labels") or {}} for entry in found or ()]


def name_in(found: Mapping[str, Any]) -> str:
    """The name of a listed container."""
    names = found.get("Names") or [found["Id"]]
    return str(names[0]).removeprefix("/")


async def send_files(engine: Engine, container: Container, folder: Path, context: RunContext) -> set[str]:
    """Copy the working directory into the container; the paths of the files. Raises ``EngineError``, ``OSError``."""
    owner = await _owner(engine, container)
    sent = Transfer()

    def write(to: BinaryIO) -> None:
        nonlocal sent
        sent = pack(folder, owner, to)

    with context.insights.step("Send files") as step:
        async with aclosing(written_by(write)) as chunks:
            path = f"/containers/{container.id}/archive"
            async with engine.stream("PUT", path, params={"path": container.folder}, content=chunks) as answer:
                await answer.aread()
        step.set(files=sent.files, bytes=sent.bytes)
    _mention(context, "sent to", sent)
    return sent.names


async def fetch_files(
    engine: Engine, container: Container, command: RunnerCommand, context: RunContext, sent: set[str]
) -> None:
    """Copy the working directory back, with what the command has made of it. Raises as ``send_files``."""
    moved = None
    if container.output_dir is not None and command.output_dir is not None:
        old, new = Path(container.output_dir).name, command.output_dir.name
        moved = (old, new) if old != new else None
    read = partial(unpack, folder=command.working_dir, top=Path(container.folder).name, moved=moved)
    with context.insights.step("Fetch files") as step:
        params = {"path": container.folder}
        async with engine.stream("GET", f"/containers/{container.id}/archive", params=params) as answer:
            got = await read_by(answer.aiter_bytes(CHUNK), read)
        step.set(files=got.files, bytes=got.bytes)
    await asyncio.to_thread(remove_gone, command.working_dir, sent - got.names)
    _mention(context, "fetched from", got)


def _mention(context: RunContext, way: str, transfer: Transfer) -> None:
    if transfer.left_out:
        names = ", ".join(transfer.left_out[:5]) + (" ..." if len(transfer.left_out) > 5 else "")
        context.logger.warn("%d entries were not %s the container: %s", len(transfer.left_out), way, names)


async def _owner(engine: Engine, container: Container) -> Owner:
    """Whose the files are to be: the user that the container runs as."""
    details = await engine.ask("GET", f"/containers/{container.id}/json")
    user = details["Config"].get("User") or ""
    known = numeric_owner(user)
    if known is not None:
        return known
    try:
        path = f"/containers/{container.id}/archive"
        async with engine.stream("GET", path, params={"path": "/etc/passwd"}) as answer:
            return await read_by(answer.aiter_bytes(CHUNK), partial(owner_in, user=user))
    except EngineError:
        return ROOT


async def follow(engine: Engine, container: Container, command: RunnerCommand, context: RunContext) -> int:
    """Log what the command writes until it ends; its exit code. Raises ``EngineError``, ``EngineBrokenError``."""
    log = _Log(engine, container, command, context)
    reading = asyncio.create_task(log.read())
    try:
        code = await _exit_code(engine, container)
        read = -1
        while not reading.done() and log.frames > read:
            read = log.frames
            await asyncio.wait([reading], timeout=_LOG_ENDS_WITHIN)
        has_ended = reading.done()
    finally:
        reading.cancel()
        await asyncio.wait([reading])
    try:
        if has_ended:
            reading.result()
        else:  # some versions of Podman do not end the log of a container that ends at once
            await log.read(follows=False)
    except (EngineError, EngineBrokenError, ValueError) as error:
        context.logger.warn("The log of the container cannot be read: %s", error)
    finally:
        log.finish()
    return code


async def _exit_code(engine: Engine, container: Container) -> int:
    for left in reversed(range(_RECONNECTS)):
        try:
            answer = await engine.ask("POST", f"/containers/{container.id}/wait", seconds=None)
            return int(answer["StatusCode"])
        except EngineBrokenError:
            if not left:
                raise
            await asyncio.sleep(_RECONNECT_AFTER)
    raise AssertionError


class _Log:
    """The lines of a container. A connection that breaks is made again, and what was read is passed over."""

    def __init__(self, engine: Engine, container: Container, command: RunnerCommand, context: RunContext) -> None:
        self._engine = engine
        self._container = container
        self._take = command.on_line
        self._room = context.logger
        self._lines = {stream: LineSplitter() for stream in Stream}
        self.frames = 0

    async def read(self, *, follows: bool = True) -> None:
        """Read to the end of the container's life, or to that of what there is.

        Raises ``EngineError``, ``EngineBrokenError`` and ``ValueError``.
        """
        for left in reversed(range(_RECONNECTS)):
            try:
                await self._read_once(follows)
                return
            except EngineBrokenError:
                if not left:
                    raise
                await asyncio.sleep(_RECONNECT_AFTER)

    async def _read_once(self, follows: bool) -> None:
        known, number, reader = self.frames, 0, FrameReader()
        params = {"follow": str(follows).lower(), "stdout": "true", "stderr": "true", "timestamps": "true"}
        path = f"/containers/{self._container.id}/logs"
        async with self._engine.stream("GET", path, params=params, seconds=None) as answer:
            async for chunk in answer.aiter_bytes():
                for frame in reader.feed(chunk):
                    number += 1
                    if number <= known:
                        continue
                    self.frames = number
                    for line in self._lines[frame.stream].feed(frame.content):
                        self._take(frame.stream, line, frame.at)
                    if number % _LINES_AT_ONCE == 0:
                        await asyncio.sleep(0)
                await self._room.wait_for_room()

    def finish(self) -> None:
        """Give the last lines, which have no end."""
        for stream, lines in self._lines.items():
            for line in lines.finish():
                self._take(stream, line, None)


async def stop(engine: Engine, container: Container, grace: timedelta) -> None:
    """End what runs in it: at once, or with SIGTERM and time to end. It may have ended already."""
    seconds = ceil(grace.total_seconds())
    with contextlib.suppress(EngineError, EngineBrokenError):
        if seconds > 0:
            path, params = f"/containers/{container.name}/stop", {"t": str(seconds)}
            await engine.ask("POST", path, params=params, seconds=seconds + 60.0)
        else:
            await engine.ask("POST", f"/containers/{container.name}/kill")


async def remove(engine: Engine, name: str, *, has_volume: bool) -> None:
    """Remove a container by name, running or not, and its volume. Raises ``EngineError`` when that is refused."""
    await _delete(engine, f"/containers/{name}", {"force": "true", "v": "true"})
    if has_volume:
        await _delete(engine, f"/volumes/{name}", {"force": "true"})


async def _delete(engine: Engine, path: str, params: Mapping[str, str]) -> None:
    try:
        await engine.ask("DELETE", path, params=params)
    except EngineError as error:
        if error.status != 404:
            raise


async def to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Wait for work that has to be done even when the task is cancelled meanwhile; raises the cancellation then."""
    doing = asyncio.create_task(work)
    cancelled: asyncio.CancelledError | None = None
    while not doing.done():
        try:
            await asyncio.shield(doing)
        except asyncio.CancelledError as error:
            cancelled = error
        except Exception:  # noqa: S110  raised again below, from the task
            pass
    if cancelled is not None and (doing.cancelled() or doing.exception() is None):
        raise cancelled
    doing.result()
