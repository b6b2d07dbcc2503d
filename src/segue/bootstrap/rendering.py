"""Rendering with the variables that are the same everywhere on this server."""

from collections import ChainMap
from collections.abc import Mapping
from typing import Any

from segue.expr import Engine, Services
from segue.ports.rendering import Renderer


class GlobalRenderer(Renderer):
    """A renderer whose contexts lie on top of ``globals``, ``envs`` and ``kestra``."""

    def __init__(self, engine: Engine, services: Services, variables: dict[str, Any]) -> None:
        super().__init__(engine, lambda: services)
        self.services = services
        self._variables = variables

    def render(self, text: str, context: Mapping[str, Any]) -> str | None:
        """Text to text. Raises ``ExpressionError``."""
        return super().render(text, self._with_globals(context))

    def render_typed(self, text: str, context: Mapping[str, Any]) -> Any:
        """Text to a native value. Raises ``ExpressionError``."""
        return super().render_typed(text, self._with_globals(context))

    def render_value(self, value: Any, context: Mapping[str, Any]) -> Any:
        """Every text inside ``value`` rendered. Raises ``ExpressionError``."""
        return super().render_value(value, self._with_globals(context))

    def _with_globals(self, context: Mapping[str, Any]) -> Mapping[str, Any]:
        # ChainMap writes to its first map only, and no template can write to it.
        layers: Any = (context, self._variables)
        return ChainMap(*layers)
