"""Between objects and columns: times, labels, bodies, and text that every database can hold."""

import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import msgspec

from segue.domain.execution.jobs import Job
from segue.domain.execution.model import Execution
from segue.domain.execution.task_run import TaskRun
from segue.domain.labels import Label

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_encoder = msgspec.json.Encoder()
_execution_decoder = msgspec.json.Decoder(Execution)
_job_decoder = msgspec.json.Decoder(Job)
_label_decoder = msgspec.json.Decoder(Label)
decode_task_run = msgspec.json.Decoder(TaskRun).decode
decode_job = _job_decoder.decode


def to_micros(at: datetime) -> int:
    """An aware time as microseconds since 1970 UTC."""
    since = at - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def from_micros(micros: int) -> datetime:
    """The aware UTC time of ``to_micros``."""
    return _EPOCH + timedelta(microseconds=micros)


def now_micros() -> int:
    """The machine's time as microseconds since 1970 UTC."""
    return time.time_ns() // 1000


def encode(value: object) -> str:
    """``value`` as JSON text; a NUL or a newline in it is escaped, as JSON asks."""
    return _encoder.encode(value).decode()


def decode_execution(body: str, version: int) -> Execution:
    """The execution in ``body``. The version column rules, not the one written inside."""
    execution = _execution_decoder.decode(body)
    msgspec.structs.force_setattr(execution, "version", version)
    return execution


def encode_labels(labels: Iterable[Label]) -> str:
    """Labels as JSON arrays, each between line feeds.

    JSON holds no raw line feed, so that the text of ``label_needle`` is found in it exactly when the label
    is there, whatever its key and value are made of.
    """
    lines = [_encoder.encode(label).decode() for label in labels]
    return "\n" + "\n".join(lines) + "\n" if lines else ""


def label_needle(label: Label) -> str:
    """What ``encode_labels`` holds if and only if ``label`` is among them."""
    return "\n" + encode(label) + "\n"


def decode_labels(text: str) -> tuple[Label, ...]:
    """The labels of ``encode_labels``, in their order."""
    return tuple(_label_decoder.decode(line) for line in text.split("\n") if line)


def storable(text: str) -> str:
    """``text`` without what no text column can hold: NUL and lone surrogates become U+FFFD."""
    if text.isascii():
        return text.replace("\0", "\N{REPLACEMENT CHARACTER}") if "\0" in text else text
    clean = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return clean.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
