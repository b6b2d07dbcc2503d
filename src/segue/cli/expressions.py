"""Evaluation of expressions for the command line: contexts in, results and errors as JSON out."""

import base64
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from segue.domain.errors import SegueError
from segue.expr import Dialect, Engine, ExpressionError, Services, dialect_named
from segue.expr.text import java_text
from segue.ports.rendering import machine_services

_DIALECTS = {"1": Dialect.V1, "2": Dialect.V2}
_SHOWN_COLUMNS = 160
_FIELDS = ("template", "context", "dialect", "typed", "timezone")


def _place(error: ExpressionError) -> str:
    """Where the fault is, on lines of their own with a mark below it; nothing when that is not known."""
    if error.template is None or error.line is None or error.column is None:
        return ""
    line = error.template.splitlines()[error.line - 1] if error.template.splitlines() else ""
    if len(line) > _SHOWN_COLUMNS:
        return f"\n  line {error.line}, column {error.column}"
    mark = " " * (error.column - 1) + "^" * max(1, min(len(error.piece), len(line) - error.column + 1))
    return f"\n  line {error.line}, column {error.column}\n  {line}\n  {mark}"


class Evaluator:
    """Evaluates texts with settings that each line of a batch may override."""

    def __init__(self, dialect: str, time_zone: str, *, typed: bool) -> None:
        """Raises ``SegueError`` for a dialect or zone that does not exist."""
        self._engine = Engine()
        self._dialect = read_dialect(dialect)
        self._services = replace(machine_services(), time_zone=read_zone(time_zone))
        self._typed = typed

    def evaluate(self, template: str, context: Mapping[str, Any]) -> str:
        """One result as it is printed: text, or JSON when typed. Raises ``SegueError`` for every failure."""
        try:
            result = self._render(template, context, self._dialect, self._services, typed=self._typed)
        except ExpressionError as error:
            raise SegueError(f"{error}{_place(error)}") from error
        return to_json(result) if self._typed else str(result)

    def read_context(self, content: bytes) -> dict[str, Any]:
        """The variables in a JSON text. Raises ``SegueError`` when it is no object."""
        try:
            context = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise SegueError(f"the context is no JSON: {error}") from error
        if not isinstance(context, dict):
            raise SegueError("the context must be a JSON object")
        return context

    def answers(self, lines: Iterable[bytes]) -> Iterator[str]:
        """One JSON object for each line that is not empty, in order."""
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield json.dumps(self._answer(number, line), ensure_ascii=False, separators=(",", ":"))

    def _answer(self, number: int, line: bytes) -> dict[str, Any]:
        try:
            request = read_request(line)
            dialect = read_dialect(request["dialect"]) if request.get("dialect") is not None else self._dialect
            services = self._services
            if request.get("timezone") is not None:
                services = replace(services, time_zone=read_zone(request["timezone"]))
        except SegueError as error:
            return {"error": f"line {number}: {error.message}", "line": number}
        typed = self._typed if request.get("typed") is None else request["typed"]
        try:
            result = self._render(request["template"], request.get("context") or {}, dialect, services, typed=typed)
            return {"result": jsonable(result)}
        except ExpressionError as error:
            return {"error": str(error)}
        except Exception as error:  # one bad line must not end the batch
            return {"error": f"internal error: {type(error).__name__}: {error}"}

    def _render(
        self, template: str, context: Mapping[str, Any], dialect: Dialect, services: Services, *, typed: bool
    ) -> Any:
        render = self._engine.render_typed if typed else self._engine.render
        return render(template, context, services, dialect=dialect)


def read_request(line: bytes) -> dict[str, Any]:
    """A line of a batch, checked. Raises ``SegueError`` naming what is wrong."""
    try:
        request = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise SegueError(f"no JSON: {error}") from None
    if not isinstance(request, dict):
        raise SegueError("a JSON object is expected")
    if unknown := sorted(request.keys() - set(_FIELDS)):
        raise SegueError(f"unknown field '{unknown[0][:50]}' (there are {', '.join(_FIELDS)})")
    if not isinstance(request.get("template"), str):
        raise SegueError("'template' must be a text")
    if not isinstance(request.get("context") or {}, dict):
        raise SegueError("'context' must be an object")
    if not isinstance(request.get("typed", False), bool | None):
        raise SegueError("'typed' must be true or false")
    return request


def read_dialect(name: Any) -> Dialect:
    """``1``, ``1.x``, ``2`` or ``2.0``. Raises ``SegueError``."""
    text = str(name).removesuffix(".0") if isinstance(name, float) else str(name)
    found = _DIALECTS.get(text) or dialect_named(text)
    if found is None:
        raise SegueError(f"there is no dialect '{text[:50]}': give 1 or 2")
    return found


def read_zone(name: Any) -> str:
    """The name of a time zone. Raises ``SegueError`` when there is none."""
    try:
        ZoneInfo(str(name))
    except (ValueError, OSError, KeyError):
        raise SegueError(f"there is no time zone '{str(name)[:50]}'") from None
    return str(name)


def to_json(value: Any) -> str:
    """A result as JSON text."""
    return json.dumps(jsonable(value), ensure_ascii=False)


def jsonable(value: Any) -> Any:
    """A result in JSON's types: dates and durations as ISO-8601 texts, bytes in base64, a number that JSON lacks
    and everything else as text; the keys of maps are texts."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else java_text(value)
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, datetime | date | time | timedelta):
        return java_text(value)
    if isinstance(value, Mapping):
        return {java_text(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [jsonable(item) for item in value]
    return java_text(value)
