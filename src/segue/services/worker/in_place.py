"""Runs a task that is only known when another one runs, in the place of that one (core plugins 4, TemplatedTask)."""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

import msgspec

from segue.domain.errors import FlowInvalidError, SegueError
from segue.domain.execution.state import State
from segue.domain.flow.parse import parse_document
from segue.domain.flow.source import Document, read_document
from segue.expr import Dialect
from segue.sdk import TaskFailed
from segue.services.worker.binding import BoundTask, Plugins, bind_alone
from segue.services.worker.context import WorkerContext
from segue.services.worker.expressions import Kit
from segue.services.worker.frame import End, Frame

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class InPlace:
    """Tasks run in place of others."""

    def __init__(self, plugins: Plugins) -> None:
        self._plugins = plugins

    async def run(self, outer: WorkerContext, text: str, kit: Kit) -> Mapping[str, Any] | None:
        """Run the task of a YAML text under the task run, the log and the stop notice of ``outer``; its outputs.

        Retries and timeout are those of the outer task. Raises ``SegueError`` for a text that is no runnable task or
        is one of the outer's own type, and whatever the task raises.
        """
        bound = self._bind(outer.bound, text)
        context = outer.for_task(bound)
        try:
            frame = Frame(context.job, context.run, bound, context, kit.control)
            beginning = await frame.before()
            if beginning.is_known:
                return _outputs(End(beginning.outputs))
            try:
                result = await _work(bound, context, kit)
            except TaskFailed as failure:
                end = await frame.after(failure.state, failure.outputs)
                raise TaskFailed(failure.message, failure.state, _outputs(end)) from failure
            return _outputs(await frame.after(State.SUCCESS, result))
        finally:
            context.close()

    def _bind(self, outer: BoundTask, text: str) -> BoundTask:
        data = read_document(text).data
        type_ = data.get("type")
        kind = self._plugins.find(type_) if isinstance(type_, str) else None
        if kind is None:
            raise SegueError(f"The templated task must be a runnable task; {str(type_)[:200]!r} is none that is known")
        if kind is type(outer.plugin):
            raise SegueError(f"The templated task cannot be of type '{kind.type}'")
        flow = {"id": "templated", "namespace": "templated", "tasks": [{**data, "id": outer.task_id}]}
        document = Document(text, flow, prefix=("tasks", 0))
        report = parse_document(document, self._plugins, strict=False, default_dialect=outer.dialect or Dialect.V2)
        try:
            task = report.valid_flow().tasks[0]
        except FlowInvalidError as error:
            faults = "; ".join(str(fault).replace("tasks[0].", "") for fault in error.violations)
            raise SegueError(f"The templated task is invalid: {faults}") from None
        return bind_alone(task, self._plugins, outer)


async def _work(bound: BoundTask, context: WorkerContext, kit: Kit) -> Any:
    if bound.is_async:
        return await bound.plugin.run(context)  # type: ignore[misc]  # is_async: a coroutine
    work = asyncio.ensure_future(kit.in_thread(lambda: bound.plugin.run(context)))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:  # its thread has heard that it should end; the run gives it up after a while
        with contextlib.suppress(Exception):
            await work
        raise


def _outputs(end: End) -> Mapping[str, Any] | None:
    return None if end.outputs is None else _decode(end.outputs)
