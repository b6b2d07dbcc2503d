"""Expressions that the API evaluates itself: inputs, checks, webhooks (expression language 10.6)."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from segue.api.ports import ApiPorts
from segue.domain.execution.model import FlowKey
from segue.domain.fetched_values import FetchedValues
from segue.domain.flow.compiled import CompiledFlow
from segue.domain.needs import Needed
from segue.expr import Services
from segue.ports.evaluation import evaluate
from segue.ports.repositories.values import ValueScope

Result = TypeVar("Result")


class Scene:
    """One evaluation: what its templates may use."""

    __slots__ = ("_dialect", "_ports", "services", "values")

    def __init__(self, ports: ApiPorts, flow: CompiledFlow, services: Services, values: FetchedValues) -> None:
        self._ports = ports
        self._dialect = flow.dialect
        self.services = services
        self.values = values

    def render(self, text: str, context: Mapping[str, Any]) -> str | None:
        """Text to text. Raises ``ExpressionError``."""
        return self._ports.engine.render(text, {**self._ports.globals, **context}, self.services, dialect=self._dialect)

    def render_typed(self, text: str, context: Mapping[str, Any]) -> Any:
        """Text to a native value. Raises ``ExpressionError``."""
        return self._ports.engine.render_typed(
            text, {**self._ports.globals, **context}, self.services, dialect=self._dialect
        )

    def render_value(self, value: Any, context: Mapping[str, Any]) -> Any:
        """Every text inside ``value`` rendered. Raises ``ExpressionError``."""
        return self._ports.engine.render_value(
            value, {**self._ports.globals, **context}, self.services, dialect=self._dialect
        )


class Expressions:
    """Evaluates with secrets, KV values, namespace files and HTTP, on behalf of a flow."""

    def __init__(self, ports: ApiPorts) -> None:
        self._ports = ports

    async def evaluate(self, flow: CompiledFlow, work: Callable[[Scene], Result]) -> Result:
        """``work``, which is run again whenever something it asked for has been fetched. Raises what it raises."""
        ports, values = self._ports, FetchedValues()
        source = ports.values
        services = ports.services if source is None else values.services(ports.services)
        scope = ValueScope(FlowKey(flow.tenant, flow.flow.namespace, flow.flow.id, flow.revision))

        async def fetch(needed: Needed) -> None:
            assert source is not None
            values.provide(await source.load(scope, needed.needs))

        return await evaluate(lambda own: work(Scene(ports, flow, own, values)), services, fetch)
