"""Expressions tried on an execution (flow language 11.9): its context, its outputs, no secrets."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from segue.api.ports import ApiPorts
from segue.domain.engine.needs import OutputsNeed
from segue.domain.engine.rendering import context_for
from segue.domain.engine.state import ExecutionState
from segue.domain.errors import LimitExceededError, NotFoundError, SegueError, UnavailableError
from segue.domain.execution.logs import MASK
from segue.domain.execution.model import Execution
from segue.domain.fetched_values import Fetched, FetchedValues, Refused
from segue.domain.needs import Needed, ValueKind, ValueNeed
from segue.expr import Engine, ExpressionError, SecretValue, Services
from segue.ports.evaluation import evaluate_blocking
from segue.ports.repositories.values import ValueScope

SECONDS = 10.0
"""Longest time for one expression with everything it fetches."""
MAX_RESULT = 1_000_000
"""Characters of a result."""
AT_ONCE = 2
"""Expressions evaluated at once; others wait for their turn."""
MAX_OUTPUTS = 64 * 1024 * 1024
"""Bytes of outputs that one expression may look at."""


class EvalResult(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What became of an expression: its text, or what is wrong and where."""

    result: str | None = None
    error: str | None = None
    stack_trace: str | None = None
    line: int | None = None
    column: int | None = None


class Debugger:
    """Evaluates expressions over executions as they are now.

    ``secret()`` gives asterisks; secret inputs and outputs stay encrypted; there is no HTTP, no subflow and no log.
    """

    def __init__(self, ports: ApiPorts) -> None:
        self._ports = ports
        limits = replace(ports.engine.limits, max_seconds=SECONDS, max_output_length=MAX_RESULT)
        self._engine = Engine(dialect=ports.engine.dialect, limits=limits, cache_size=100)
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def evaluate(self, execution: Execution, text: str, task_run_id: str | None = None) -> EvalResult:
        """The result of a text in the place of the execution, or of one of its task runs.

        Raises ``NotFoundError`` when there is no such task run, ``UnavailableError`` when something is away.
        """
        flow = await self._ports.catalog.by_key(execution.flow)
        runs = await self._ports.executions.task_runs(execution.id) if execution.task_run_count else ()
        trial = _Trial(self._ports, self._engine, ExecutionState(flow, execution, runs), task_run_id)
        try:
            async with self._turns, asyncio.timeout(SECONDS):
                return EvalResult(result=await trial.run(text))
        except TimeoutError:
            return _failure(LimitExceededError(f"The expression takes more than {SECONDS:g} s", "eval"))
        except UnavailableError:
            raise
        except (ExpressionError, SegueError) as error:
            return _failure(error)


class _Trial:
    """One text, rendered in a thread, fetching what it needs."""

    def __init__(self, ports: ApiPorts, engine: Engine, state: ExecutionState, task_run_id: str | None) -> None:
        self._ports = ports
        self._engine = engine
        self._state = state
        self._values = FetchedValues()
        self._size = 0
        self._run = state.runs.get(task_run_id) if task_run_id is not None else None
        if task_run_id is not None and self._run is None:
            raise NotFoundError(f"Task run {task_run_id[:64]} not found in execution {state.execution.id}")

    async def run(self, text: str) -> str | None:
        """The rendered text. Raises ``ExpressionError`` and ``LimitExceededError``."""
        base = self._ports.services
        services = Services(clock=base.clock, entropy=base.entropy, free_port=base.free_port, holidays=base.holidays)
        if self._ports.values is not None:
            services = self._values.services(services)
        loop = asyncio.get_running_loop()
        return await asyncio.to_thread(
            evaluate_blocking, lambda own: self._render(text, own), services, self._fetch, loop
        )

    def _render(self, text: str, services: Services) -> str | None:
        state, engine = self._state, self._engine
        named = engine.references_of(text, state.flow.dialect)
        context: Mapping[str, Any] = {**self._ports.globals, **context_for(state, named, self._run)}
        return engine.render(text, context, services, dialect=state.flow.dialect)

    async def _fetch(self, needed: Needed) -> None:
        values = [need for need in needed.needs if isinstance(need, ValueNeed)]
        if values and self._ports.values is not None:
            execution = self._state.execution
            found = await self._ports.values.load(ValueScope(execution.flow, execution.id), values)
            self._values.provide({need: _masked(need, value) for need, value in found.items()})
        outputs = [need for need in needed.needs if isinstance(need, OutputsNeed)]
        if outputs:
            await self._load_outputs(outputs)
        if len(values) + len(outputs) < len(needed.needs):
            raise SegueError("The expression asks for something that cannot be found out here")

    async def _load_outputs(self, needs: Iterable[OutputsNeed]) -> None:
        state, tenant = self._state, self._state.execution.flow.tenant
        stored = {need.owner_id: uri for need in needs if (uri := need.uri or self._uri(need.owner_id)) is not None}
        inline = [need.owner_id for need in needs if need.owner_id not in stored]
        found = await self._ports.outputs.get_many(inline) if inline else {}
        for owner in inline:
            self._count(len(found.get(owner, b"{}")))
            state.outputs[owner] = msgspec.json.decode(found.get(owner, b"{}"))
        for owner, uri in stored.items():
            self._count(await self._ports.storage.size(tenant, uri))
            payload = b"".join([chunk async for chunk in self._ports.storage.get(tenant, uri)])
            state.outputs[owner] = await asyncio.to_thread(msgspec.json.decode, payload)

    def _uri(self, owner_id: str) -> str | None:
        if owner_id == self._state.execution.id:
            reference = self._state.execution.outputs
        else:
            run = self._state.runs.get(owner_id)
            reference = None if run is None else run.outputs
        return None if reference is None else reference.uri

    def _count(self, size: int) -> None:
        self._size += size
        if self._size > MAX_OUTPUTS:
            raise LimitExceededError(f"The expression looks at more than {MAX_OUTPUTS} bytes of outputs", "eval")


def _masked(need: ValueNeed, value: Fetched | Refused) -> Fetched | Refused:
    if need.kind is ValueKind.SECRET and isinstance(value, SecretValue):
        return SecretValue(MASK, is_masked=True)
    return value


def _failure(error: ExpressionError | SegueError) -> EvalResult:
    line, column = getattr(error, "line", None), getattr(error, "column", None)
    place = f"\n  at line {line}" + (f", column {column}" if column else "") + " of the expression" if line else ""
    kind = type(error).__name__
    return EvalResult(error=str(error), stack_trace=f"{kind}: {error.message}{place}", line=line, column=column)
