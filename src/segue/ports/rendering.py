"""The expression language with what every part of the control plane may give it: the time and chance."""

import os
from collections.abc import Callable, Mapping
from copy import copy
from typing import Any, Self

from segue.expr import Dialect, Engine, References, Services
from segue.ports.clock import Clock


class Renderer:
    """Renders with the services of one place; the face of ``segue.expr`` for engine and API.

    ``services`` is asked once per rendering for what the expressions there may use. ``dialect`` is that of the
    flow whose texts are rendered, the engine's own unless given. ``encrypt`` stores SECRET inputs, None refuses them.
    """

    def __init__(
        self, engine: Engine, services: Callable[[], Services], encrypt: Callable[[str], Any] | None = None
    ) -> None:
        self.engine = engine
        self.encrypt = encrypt
        self._services = services
        self.dialect: Dialect | None = None

    def for_dialect(self, dialect: Dialect | None) -> Self:
        """The same renderer for the flows of one dialect."""
        if dialect is self.dialect:
            return self
        other = copy(self)
        other.dialect = dialect
        return other

    def render(self, text: str, context: Mapping[str, Any]) -> str | None:
        """Text to text. Raises ``ExpressionError``."""
        return self.engine.render(text, context, self._services(), dialect=self.dialect)

    def render_typed(self, text: str, context: Mapping[str, Any]) -> Any:
        """Text to a native value. Raises ``ExpressionError``."""
        return self.engine.render_typed(text, context, self._services(), dialect=self.dialect)

    def render_value(self, value: Any, context: Mapping[str, Any]) -> Any:
        """Every text inside ``value`` rendered. Raises ``ExpressionError``."""
        return self.engine.render_value(value, context, self._services(), dialect=self.dialect)

    def references_of(self, value: Any) -> References:
        """What the texts inside ``value`` name. Raises ``ExpressionSyntaxError``."""
        return self.engine.references_of(value, self.dialect)


def system_renderer(engine: Engine, clock: Clock) -> Renderer:
    """A renderer whose expressions may know the time and draw chance, and nothing else."""
    services = Services(clock=clock.now, entropy=os.urandom)
    return Renderer(engine, lambda: services)
