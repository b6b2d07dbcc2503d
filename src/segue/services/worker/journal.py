"""The log and the metrics of one attempt, written into the spool."""

import itertools
import os
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp

from segue.domain.execution.logs import MASK, LogLevel
from segue.proto.generated import worker_pb2 as pb
from segue.services.worker.spool import Spool

MAX_LINE = 32_000
_SECONDS_TO_WAIT = 30.0


class LogLimits(NamedTuple):
    """How much one attempt may log."""

    lines: int
    size: int


class Masks:
    """Secrets that a task has used: they are hidden in whatever it says from then on."""

    def __init__(self) -> None:
        self._secrets: list[str] = []

    def add(self, secret: str) -> None:
        """Hide ``secret`` from now on; longer ones are replaced first."""
        if secret and secret not in self._secrets:
            self._secrets = sorted([*self._secrets, secret], key=len, reverse=True)

    def hide(self, text: str) -> str:
        """``text`` with every secret replaced."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text


class TaskLog:
    """Implements the SDK's ``RunLogger``. Numbers its lines; long ones are cut into several."""

    def __init__(
        self,
        run: pb.TaskRunKey,
        spool: Spool,
        masks: Masks,
        *,
        minimum: LogLevel,
        limits: LogLimits,
        blocks: bool,
    ) -> None:
        """``blocks`` says that the task runs in a thread, which waits while the spool is full."""
        self._run = run
        self._prefix = f"{run.task_run_id}:{run.attempt}:"
        self._spool = spool
        self._masks = masks
        self._minimum = minimum.severity
        self._limits = limits
        self._blocks = blocks
        self._numbers = itertools.count()
        self._lines = 0
        self._size = 0
        self._is_full = False

    def log(self, level: LogLevel, message: str, *args: object) -> None:
        """Write one line."""
        if level.severity < self._minimum:
            return
        text = self._masks.hide(str(message % args if args else message))
        if self._blocks:
            self._spool.wait_for_room(_SECONDS_TO_WAIT)
        if len(text) <= MAX_LINE:
            self._write(level, text)
            return
        for start in range(0, len(text), MAX_LINE):
            self._write(level, text[start : start + MAX_LINE])

    def trace(self, message: str, *args: object) -> None:
        """Write one line at TRACE."""
        self.log(LogLevel.TRACE, message, *args)

    def debug(self, message: str, *args: object) -> None:
        """Write one line at DEBUG."""
        self.log(LogLevel.DEBUG, message, *args)

    def info(self, message: str, *args: object) -> None:
        """Write one line at INFO."""
        self.log(LogLevel.INFO, message, *args)

    def warn(self, message: str, *args: object) -> None:
        """Write one line at WARN."""
        self.log(LogLevel.WARN, message, *args)

    def error(self, message: str, *args: object) -> None:
        """Write one line at ERROR."""
        self.log(LogLevel.ERROR, message, *args)

    async def wait_for_room(self) -> None:
        """Return once the spool is not full, or after some time."""
        await self._spool.room(_SECONDS_TO_WAIT)

    def _write(self, level: LogLevel, text: str) -> None:
        if self._is_full:
            return
        self._size += len(text)
        self._is_full = self._lines >= self._limits.lines or self._size > self._limits.size
        if self._is_full:
            level, text = LogLevel.WARN, "The log of this attempt is full; what comes after is dropped"
        self._put(level, text)

    def _put(self, level: LogLevel, text: str) -> None:
        number = next(self._numbers)  # atomic: tasks may log from several threads
        self._lines = number + 1
        line = pb.LogLine(id=f"{self._prefix}{number}", run=self._run, level=level, message=text)
        stamp(line.at)
        self._spool.add_line(line)


class FileLog(TaskLog):
    """Keeps the lines in a file (``logToFile``, flow language 6): a moment, the level, the message."""

    def __init__(self, run: pb.TaskRunKey, spool: Spool, masks: Masks, *, minimum: LogLevel, limits: LogLimits) -> None:
        super().__init__(run, spool, masks, minimum=minimum, limits=limits, blocks=False)
        self._lock = threading.Lock()
        handle, name = tempfile.mkstemp(prefix="segue-log-", suffix=".txt")
        self.path = Path(name)
        self._file = os.fdopen(handle, "w", encoding="utf-8", errors="replace")

    def close(self) -> None:
        """Write what is left; lines that come later are dropped."""
        with self._lock:
            self._file.close()

    def discard(self) -> None:
        """Remove the file."""
        self.close()
        self.path.unlink(missing_ok=True)

    def _put(self, level: LogLevel, text: str) -> None:
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        with self._lock:
            if not self._file.closed:
                self._lines += 1
                self._file.write(f"{at} {level.value:<5} {text}\n")


class TaskMetrics:
    """Implements the SDK's ``Metrics``."""

    def __init__(self, run: pb.TaskRunKey, spool: Spool) -> None:
        self._run = run
        self._spool = spool

    def counter(self, name: str, value: float = 1, /, **tags: str) -> None:
        """Report a count."""
        self._put("counter", name, value, tags)

    def gauge(self, name: str, value: float, /, **tags: str) -> None:
        """Report a value."""
        self._put("gauge", name, value, tags)

    def timer(self, name: str, value: timedelta, /, **tags: str) -> None:
        """Report how long something took."""
        self._put("timer", name, value.total_seconds() * 1000, tags)

    def _put(self, type_: str, name: str, value: float, tags: dict[str, str]) -> None:
        metric = pb.Metric(run=self._run, type=type_, name=name, value=value, tags=tags)
        stamp(metric.at)
        self._spool.add_metric(metric)


def stamp(field: Timestamp) -> None:
    """Set a timestamp field to the present."""
    field.seconds, field.nanos = divmod(time.time_ns(), 1_000_000_000)
