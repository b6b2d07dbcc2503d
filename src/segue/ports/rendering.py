"""The expression language with what every part of the control plane may give it: the time and chance."""

import os
from collections.abc import Callable, Mapping
from typing import Any

from segue.expr import Engine, References, Services
from segue.ports.clock import Clock


class Renderer:
    """Renders with the services of one place; the face of ``segue.expr`` for engine and API.

    ``services`` is asked once per rendering for what the expressions there may use.
    """

    def __init__(self, engine: Engine, services: Callable[[], Services]) -> None:
        self.engine = engine
        self._services = services

    def render(self, text: str, context: Mapping[str, Any]) -> str | None:
        """Text to text. Raises ``ExpressionError``."""
        return self.engine.render(text, context, self._services())

    def render_typed(self, text: str, context: Mapping[str, Any]) -> Any:
        """Text to a native value. Raises ``ExpressionError``."""
        return self.engine.render_typed(text, context, self._services())

    def render_value(self, value: Any, context: Mapping[str, Any]) -> Any:
        """Every text inside ``value`` rendered. Raises ``ExpressionError``."""
        return self.engine.render_value(value, context, self._services())

    def references_of(self, value: Any) -> References:
        """What the texts inside ``value`` name. Raises ``ExpressionSyntaxError``."""
        return self.engine.references_of(value)


def system_renderer(engine: Engine, clock: Clock) -> Renderer:
    """A renderer whose expressions may know the time and draw chance, and nothing else."""
    services = Services(clock=clock.now, entropy=os.urandom)
    return Renderer(engine, lambda: services)
