"""Expressions of a flow outside of an execution: its inputs, checks and triggers (expression language 10.6)."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from segue.domain.execution.model import FlowKey
from segue.domain.fetched_values import FetchedValues
from segue.domain.flow.compiled import CompiledFlow
from segue.domain.needs import Needed
from segue.expr import Engine, Limits, Services
from segue.ports.evaluation import evaluate
from segue.ports.repositories.values import ValueScope, ValueSource

Result = TypeVar("Result")


class Scene:
    """One evaluation: what its templates may use."""

    __slots__ = ("_dialect", "_engine", "_globals", "services", "values")

    def __init__(
        self,
        engine: Engine,
        flow: CompiledFlow,
        services: Services,
        values: FetchedValues,
        global_roots: Mapping[str, Any],
    ) -> None:
        self._engine = engine
        self._dialect = flow.dialect
        self._globals = global_roots
        self.services = services
        self.values = values

    def render(self, text: str, context: Mapping[str, Any]) -> str | None:
        """Text to text. Raises ``ExpressionError``."""
        return self._engine.render(text, {**self._globals, **context}, self.services, dialect=self._dialect)

    def render_typed(self, text: str, context: Mapping[str, Any]) -> Any:
        """Text to a native value. Raises ``ExpressionError``."""
        return self._engine.render_typed(text, {**self._globals, **context}, self.services, dialect=self._dialect)

    def render_value(self, value: Any, context: Mapping[str, Any]) -> Any:
        """Every text inside ``value`` rendered. Raises ``ExpressionError``."""
        return self._engine.render_value(value, {**self._globals, **context}, self.services, dialect=self._dialect)

    def plain(self, stored: str) -> str:
        """The plain text of what is stored encrypted. Raises ``ExpressionError``."""
        return self.values.plain(stored)


class FlowExpressions:
    """Evaluates with secrets, KV values, namespace files and HTTP, on behalf of a flow.

    ``services`` are what templates may use of this machine, ``values`` what of the control plane, None for nothing;
    ``global_roots`` are seen by every template.
    """

    def __init__(
        self, engine: Engine, services: Services, values: ValueSource | None, global_roots: Mapping[str, Any]
    ) -> None:
        self._engine = engine
        self._services = services
        self._values = values
        self._globals = global_roots

    @property
    def limits(self) -> Limits:
        """What bounds one evaluation."""
        return self._engine.limits

    async def evaluate(self, flow: CompiledFlow, work: Callable[[Scene], Result]) -> Result:
        """``work``, which is run again whenever something it asked for has been fetched. Raises what it raises."""
        source, values = self._values, FetchedValues()
        services = self._services if source is None else values.services(self._services)
        scope = ValueScope(FlowKey(flow.tenant, flow.flow.namespace, flow.flow.id, flow.revision))

        async def fetch(needed: Needed) -> None:
            assert source is not None
            values.provide(await source.load(scope, needed.needs))

        return await evaluate(lambda own: work(Scene(self._engine, flow, own, values, self._globals)), services, fetch)
