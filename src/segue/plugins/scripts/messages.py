"""What a script says: outputs, metrics and log entries in its lines, and lines for the log (core plugins 17.3)."""

from datetime import datetime, timedelta
from typing import Any

from segue.plugins.scripts.command import DEBUG_FROM_HERE, INFO_FROM_HERE
from segue.plugins.scripts.protocol import Message, Metric, Unreadable, read_line
from segue.sdk import LogLevel, RunContext, Stream

MOST_OUTPUT_BYTES = 32 * 1024 * 1024


class Listener:
    """Takes the lines of one run."""

    def __init__(self, context: RunContext) -> None:
        self._log = context.logger
        self._metrics = context.metrics
        self._level = LogLevel.INFO
        self._size = 0
        self.counts = dict.fromkeys(Stream, 0)
        """How many lines there were."""
        self.vars: dict[str, Any] = {}
        """The outputs, later ones over earlier ones of the same name."""

    @property
    def has_too_much(self) -> bool:
        """Whether outputs were left out, for they were too large."""
        return self._size > MOST_OUTPUT_BYTES

    def take(self, stream: Stream, line: str, at: datetime | None) -> None:  # noqa: ARG002  the log stamps its lines
        """Implements ``OnLine``."""
        if stream is Stream.STDOUT and line in {DEBUG_FROM_HERE, INFO_FROM_HERE}:
            self._level = LogLevel.DEBUG if line == DEBUG_FROM_HERE else LogLevel.INFO
            return
        self.counts[stream] += 1
        said = read_line(line)
        if said is None:
            self._log.log(self._level if stream is Stream.STDOUT else LogLevel.ERROR, line)
        elif isinstance(said, Unreadable):
            self._log.warn(said.text)
        else:
            self._hear(said, len(line))

    def _hear(self, message: Message, size: int) -> None:
        if message.outputs:
            self._size += size
            if not self.has_too_much:
                self.vars.update(message.outputs)
        for metric in message.metrics:
            self._report(metric)
        for entry in message.logs:
            self._log.log(entry.level, entry.message)

    def _report(self, metric: Metric) -> None:
        if isinstance(metric.value, timedelta):
            self._metrics.timer(metric.name, metric.value, **metric.tags)
        elif metric.type == "gauge":
            self._metrics.gauge(metric.name, metric.value, **metric.tags)
        else:
            self._metrics.counter(metric.name, metric.value, **metric.tags)
