"""The expressions of one run: rendered here, over values that are fetched when a template first names them.

What a template asks for is fetched together with everything else that the text names by constants.
"""

import asyncio
import re
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple, Protocol

import msgspec

from segue.domain.encrypted import ENCRYPTED_TYPE, revealed
from segue.domain.fetched_values import FetchedValues
from segue.domain.needs import Needed, ValueKind, ValueNeed
from segue.expr import Dialect, Engine, ExpressionError, References, Services
from segue.ports.evaluation import InThread, evaluate, evaluate_blocking
from segue.proto.generated import worker_pb2 as pb
from segue.sdk import Property
from segue.services.worker.binding import BoundTask
from segue.services.worker.control import Control
from segue.services.worker.journal import Masks
from segue.services.worker.outputs import OutputsNeeded, TaskOutputs

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_MISSING = object()
_ENCRYPTED = ENCRYPTED_TYPE.encode()
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_MOST_PREFETCHED = 100


class TaskStarter(Protocol):
    """Runs a task in the place of another one."""

    async def run(self, outer: Any, text: str, kit: "Kit") -> Mapping[str, Any] | None:
        """Run the task of a YAML text with the context of another one; its outputs."""


class Kit(NamedTuple):
    """What all runs of a worker share."""

    engine: Engine
    services: Services
    control: Control
    in_thread: InThread
    in_place: "TaskStarter"
    configurations: Mapping[str, Mapping[str, Any]]


class Variables:
    """The roots of expressions of one run, put together when an expression is first rendered."""

    def __init__(self, job: pb.Job, bound: BoundTask, globals_: bytes, values: FetchedValues) -> None:
        self._job = job
        self._bound = bound
        self._globals = globals_
        self._values = values
        self._roots: dict[str, Any] | None = None
        self.outputs = TaskOutputs(job.outputs, values.plain)

    def roots(self) -> dict[str, Any]:
        """All roots. ``outputs`` is lazy, and what is stored encrypted is decrypted when it is looked at."""
        if self._roots is None:
            roots = _decode(self._globals) if self._globals else {}
            roots |= _decode(self._job.context)
            if _ENCRYPTED in self._job.context:
                roots = {name: revealed(root, self._values.plain) for name, root in roots.items()}
            roots["task"] = {"id": self._bound.task_id, "type": self._bound.type}
            roots["outputs"] = self.outputs
            self._roots = {**self._bound.roots, **roots}
        return self._roots


class Expressions:
    """Renders properties and texts of one run."""

    def __init__(self, job: pb.Job, bound: BoundTask, kit: Kit, masks: Masks) -> None:
        self._job = job
        self._engine = kit.engine
        self._dialect = bound.dialect or kit.control.terms.dialect
        self._control = kit.control
        self._base = kit.services
        self._in_thread = kit.in_thread
        self._loop = asyncio.get_running_loop()
        self._values = FetchedValues(masks.add)
        self.variables = Variables(job, bound, kit.control.terms.globals, self._values)
        self._services: Services | None = None
        self._rendered: dict[int, Any] = {}

    async def render(self, value: Any, more: Mapping[str, Any] | None = None) -> Any:
        """A property, a text, or every text in maps and lists; ``more`` are roots for this time. Raises
        ``ExpressionError``, and ``SegueError`` when something cannot be fetched."""
        work, fetch = partial(self._evaluate, value, more), partial(self._fetch, value)
        return await evaluate(work, self._own_services(), fetch, self._in_thread)

    def render_blocking(self, value: Any, more: Mapping[str, Any] | None = None) -> Any:
        """The same, called in a thread."""
        work, fetch = partial(self._evaluate, value, more), partial(self._fetch, value)
        return evaluate_blocking(work, self._own_services(), fetch, self._loop)

    def _own_services(self) -> Services:
        if self._services is None:
            self._services = self._values.services(self._base, logs=True)
        return self._services

    def _evaluate(self, value: Any, more: Mapping[str, Any] | None, services: Services) -> Any:
        roots = self.variables.roots()
        if more:
            render = _Renderer(self._engine, self._dialect, {**roots, **more}, services)
            return value.evaluate(render) if isinstance(value, Property) else render.render_any(value)
        render = _Renderer(self._engine, self._dialect, roots, services)
        if not isinstance(value, Property):
            return render.render_any(value)
        if not value.is_dynamic:
            return value.evaluate(render)
        found = self._rendered.get(id(value), _MISSING)
        if found is _MISSING:
            found = self._rendered[id(value)] = value.evaluate(render)
        return found

    async def _fetch(self, value: Any, needed: Needed) -> None:
        if isinstance(needed, OutputsNeeded):
            for task_run_id in needed.task_run_ids:
                content = await self._control.outputs(self._job, task_run_id)
                self.variables.outputs.provide(task_run_id, content)
        else:
            await self._fetch_values(needed.needs, value)

    async def _fetch_values(self, needs: tuple[ValueNeed, ...], value: Any) -> None:
        """Contents of files come in chunks of their own; all else, and what is sure to be asked next, in one call."""
        contents = [need for need in needs if need.kind is ValueKind.CONTENT]
        for need in contents:
            chunks = [chunk async for chunk in self._control.read(self._job, need.key)]
            self._values.provide({need: b"".join(chunks)})
        others = [need for need in needs if need.kind is not ValueKind.CONTENT]
        if others:
            likely = [need for need in self._named(value) if need not in self._values and need not in others]
            self._values.provide(await self._control.values(self._job, [*others, *likely[:_MOST_PREFETCHED]]))

    def _named(self, value: Any) -> list[ValueNeed]:
        raw = value.raw if isinstance(value, Property) else value
        try:
            references = self._engine.references_of(raw, self._dialect)
        except ExpressionError:
            return []
        return constant_needs(references, self._job.flow.namespace)


class _Renderer:
    """Implements the SDK's ``Renderer``."""

    __slots__ = ("_dialect", "_engine", "_services", "_variables")

    def __init__(
        self, engine: Engine, dialect: Dialect | None, variables: Mapping[str, Any], services: Services
    ) -> None:
        self._engine = engine
        self._dialect = dialect
        self._variables = variables
        self._services = services

    def render(self, text: str) -> str | None:
        if "{" not in text:
            return text
        return self._engine.render(text, self._variables, self._services, dialect=self._dialect)

    def render_typed(self, text: str) -> Any:
        return self._engine.render_typed(text, self._variables, self._services, dialect=self._dialect)

    def render_any(self, value: Any) -> Any:
        """A text, or every text in a value."""
        return self.render(value) if isinstance(value, str) else self.render_value(value)

    def render_value(self, value: Any) -> Any:
        return self._engine.render_value(value, self._variables, self._services, dialect=self._dialect)


def constant_needs(references: References, namespace: str) -> list[ValueNeed]:
    """What the texts name by constant arguments, in the place of a flow of ``namespace``."""
    stores: Mapping[ValueKind, frozenset[tuple[str, ...]]] = {
        ValueKind.SECRET: references.secrets,
        ValueKind.KV: references.kv,
        ValueKind.FILE: frozenset(path for path in references.files if not _URI.match(path[0])),
    }
    return [
        ValueNeed(kind, names[0].lstrip("/") if kind is ValueKind.FILE else names[0], (*names, namespace)[1])
        for kind, calls in stores.items()
        for names in sorted(calls)
    ]
