"""What one attempt shows of its inside: implements the SDK's ``Insights`` over the spool."""

import itertools
import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from types import TracebackType
from typing import Any, NamedTuple

import msgspec

from segue.domain.execution.insights import LINK_SCHEMES, MAX_CONTENT, InsightKind, InsightState
from segue.proto.generated import worker_pb2 as pb
from segue.services.worker.journal import Masks, stamp

MAX_TEXT = 30_000
MAX_CELL = 1_000
MAX_ROWS = 100
MAX_COLUMNS = 50
_MAX_NAME = 200
_MAX_ITEMS = 100
_DEPTH = 4
_PAUSE = 0.5
_encode = msgspec.json.Encoder().encode
_CURRENT: ContextVar["Step | None"] = ContextVar("segue-insight-step", default=None)
"""The step around, of whichever attempt."""


class InsightLimits(NamedTuple):
    """How much one attempt may show."""

    number: int
    size: int


class _Entry:
    """One insight as far as it is known; ``content`` is plain, masked and bounded."""

    __slots__ = ("began", "content", "kind", "name", "number", "parent", "revision", "size", "state")

    def __init__(self, number: int, kind: InsightKind, name: str, parent: int | None) -> None:
        self.number = number
        self.kind = kind
        self.name = name
        self.parent = parent
        self.revision = 0
        self.size = 0
        self.state: InsightState | None = None
        self.content: dict[str, Any] = {}
        self.began = time.time_ns()


class Step:
    """Implements the SDK's ``InsightStep``."""

    def __init__(self, owner: "TaskInsights", name: str, values: Mapping[str, Any]) -> None:
        self.owner = owner
        self._name = name
        self._values = dict(values)
        self._around: Step | None = None
        self.entry: _Entry | None = None
        """None before it begins, and when there is no room for it."""

    def set(self, /, **values: Any) -> None:
        """Add values."""
        self._values.update(values)
        if self.entry is not None:
            self.owner.grow(self.entry, self._values)

    def __enter__(self) -> "Step":
        self._around = _CURRENT.get()
        self.entry = self.owner.begin(self._name, self._values)
        _CURRENT.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _CURRENT.set(self._around)
        if self.entry is not None:
            self.owner.end(self.entry, InsightState.SUCCESS if kind is None else InsightState.FAILED)

    async def __aenter__(self) -> "Step":
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)


class TaskInsights:
    """The insights of one attempt, numbered. Steps are told when they begin and again when they end."""

    def __init__(
        self, run: pb.TaskRunKey, put: Callable[[pb.Insight], None], masks: Masks, limits: InsightLimits
    ) -> None:
        self._run = run
        self._put = put
        self._masks = masks
        self._limits = limits
        self._lock = threading.RLock()
        self._numbers = itertools.count()
        self._size = 0
        self._is_full = False
        self._is_closed = False
        self._open: dict[int, _Entry] = {}
        self._progress: _Entry | None = None
        self._told_at = 0.0
        self._is_told = True

    def step(self, name: str, /, **values: Any) -> Step:
        """A step, which begins with its block."""
        return Step(self, name, values)

    def table(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """The first rows of a table, fewer when they are long."""
        heads = [self._cell(column) for column in itertools.islice(columns, MAX_COLUMNS)]
        shown: list[list[Any]] = []
        size, is_cut = len(_encode(heads)), False
        for row in itertools.islice(rows, MAX_ROWS + 1):
            cells = [self._cell(value) for value in itertools.islice(row, MAX_COLUMNS)]
            size += len(_encode(cells)) + 1
            is_cut = len(shown) == MAX_ROWS or size > MAX_CONTENT - 200
            if is_cut:
                break
            shown.append(cells)
        content = {"columns": heads, "rows": shown} | ({"truncated": True} if is_cut else {})
        self._show(InsightKind.TABLE, name, content)

    def link(self, name: str, url: str) -> None:
        """A link, or a text when the address is of another kind."""
        address = self._text(url, MAX_CELL)
        if address.startswith(LINK_SCHEMES):
            self._show(InsightKind.LINK, name, {"url": address})
        else:
            self.text(name, address)

    def text(self, name: str, markdown: str) -> None:
        """A text."""
        self._show(InsightKind.TEXT, name, {"markdown": self._text(markdown, MAX_TEXT)})

    def progress(self, done: float, total: float | None = None, message: str = "") -> None:
        """How far it is; told twice a second at most, and when all is done."""
        content = {"done": self._plain(done), "total": self._plain(total), "message": self._text(message, MAX_CELL)}
        with self._lock:
            if self._progress is None:
                self._progress = self._new(InsightKind.PROGRESS, "progress")
            entry = self._progress
            if entry is None or self._is_closed:
                return
            entry.content = {key: value for key, value in content.items() if value not in (None, "")}
            self._is_told = False
            if done == total or time.monotonic() - self._told_at >= _PAUSE:
                self._tell_progress(entry)

    def begin(self, name: str, values: Mapping[str, Any]) -> _Entry | None:
        """Begin a step within the current one; None when there is no room."""
        content = self._bounded(values)
        with self._lock:
            entry = self._new(InsightKind.STEP, name)
            if entry is not None:
                entry.state, entry.content = InsightState.RUNNING, content
                self._open[entry.number] = entry
                self._tell(entry)
            return entry

    def grow(self, entry: _Entry, values: Mapping[str, Any]) -> None:
        """Keep the values of a step until it ends."""
        content = self._bounded(values)
        with self._lock:
            entry.content = content

    def end(self, entry: _Entry, state: InsightState) -> None:
        """End a step. This is told whatever the limits say: it has begun."""
        with self._lock:
            if self._open.pop(entry.number, None) is None:
                return
            entry.state = state
            if self._is_full:
                entry.content = {}
            self._tell(entry, is_over=True)

    def close(self, state: InsightState) -> None:
        """Tell the progress last made, and end the steps that are open. What comes later is dropped."""
        with self._lock:
            if self._progress is not None and not self._is_told:
                self._tell_progress(self._progress)
            for entry in list(self._open.values()):
                self.end(entry, state)
            self._is_closed = True

    def _show(self, kind: InsightKind, name: str, content: dict[str, Any]) -> None:
        with self._lock:
            entry = self._new(kind, name)
            if entry is not None:
                entry.content = content
                self._tell(entry)

    def _new(self, kind: InsightKind, name: str) -> _Entry | None:
        """A new insight within the current step; None when there is no room, which is noted once."""
        if self._is_closed or self._is_full:
            return None
        number = next(self._numbers)
        self._is_full = number >= self._limits.number - 1 or self._size > self._limits.size
        if self._is_full:
            note = _Entry(number, InsightKind.TEXT, "Insights", None)
            note.content = {"markdown": "This attempt shows too much; what comes after is dropped."}
            self._tell(note)
            return None
        around = _CURRENT.get()
        inside = around.entry if around is not None and around.owner is self else None
        return _Entry(number, kind, self._text(name, _MAX_NAME), None if inside is None else inside.number)

    def _tell_progress(self, entry: _Entry) -> None:
        self._told_at, self._is_told = time.monotonic(), True
        self._tell(entry)

    def _tell(self, entry: _Entry, *, is_over: bool = False) -> None:
        content = _encode(entry.content)
        self._size += len(content) - entry.size
        entry.size = len(content)
        message = pb.Insight(
            run=self._run,
            number=entry.number,
            revision=entry.revision,
            kind=entry.kind,
            name=entry.name,
            parent=entry.parent,
            state=entry.state or "",
            content=content,
        )
        message.at.seconds, message.at.nanos = divmod(entry.began, 1_000_000_000)
        if is_over:
            stamp(message.ended_at)
        entry.revision += 1
        self._put(message)

    def _bounded(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Values of a step; without those that are too much."""
        plain = {self._text(key, _MAX_NAME): self._plain(value) for key, value in values.items()}
        while len(_encode(plain)) > MAX_CONTENT // 4:
            del plain[max(plain, key=lambda key: len(_encode(plain[key])))]
        return plain

    def _cell(self, value: Any) -> Any:
        return self._plain(value, _DEPTH - 1)

    def _plain(self, value: Any, depth: int = 0) -> Any:
        """A value as JSON knows it, masked and bounded."""
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int | float):
            is_fit = math.isfinite(value) and abs(value) < 1 << 53 and self._masks.hide(str(value)) == str(value)
            return value if is_fit else self._text(value, MAX_CELL)
        if isinstance(value, Mapping) and depth < _DEPTH:
            items = itertools.islice(value.items(), _MAX_ITEMS)
            return {self._text(key, _MAX_NAME): self._plain(item, depth + 1) for key, item in items}
        if isinstance(value, list | tuple | set | frozenset) and depth < _DEPTH:
            return [self._plain(item, depth + 1) for item in itertools.islice(value, _MAX_ITEMS)]
        return self._text(value, MAX_CELL)

    def _text(self, value: object, limit: int) -> str:
        """A text that can be sent and stored. Secrets are hidden before it is cut, so that no part of one is left."""
        try:
            text = value if isinstance(value, str) else str(value)
        except Exception as error:  # whatever a plugin's object does
            text = f"({type(value).__name__} without a text: {type(error).__name__})"
        text = self._masks.hide(text).encode("utf-8", "replace").decode()
        return text if len(text) <= limit else text[: limit - 1] + "…"
