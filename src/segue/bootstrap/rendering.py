"""Rendering with what is the same everywhere on this server."""

from collections import ChainMap
from collections.abc import Callable, Mapping
from typing import Any

from segue.config import Configuration
from segue.expr import Engine, HttpCall, Services
from segue.ports.rendering import Renderer


class GlobalRenderer(Renderer):
    """A renderer whose contexts lie on top of ``globals``, ``envs`` and ``kestra``."""

    def __init__(
        self,
        engine: Engine,
        services: Services,
        variables: dict[str, Any],
        encrypt: Callable[[str], Any] | None = None,
    ) -> None:
        super().__init__(engine, lambda: services, encrypt)
        self._variables = variables

    def roots(self, context: Mapping[str, Any]) -> Mapping[str, Any]:
        """See ``Renderer.roots``."""
        # ChainMap writes to its first map only, and no template can write to it.
        layers: Any = (context, self._variables)
        return ChainMap(*layers)


def http_function(configuration: Configuration) -> Callable[[HttpCall], Any] | None:
    """The function ``http`` of expressions, None when it is switched off."""
    section = configuration.expressions.http
    if not section.enabled:
        return None
    from segue.adapters.http.function import HttpFunction, HttpSettings

    return HttpFunction(
        HttpSettings(
            section.timeout.total_seconds(), section.connect_timeout.total_seconds(), section.max_response_size
        )
    )
