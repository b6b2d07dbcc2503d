"""The expression language with what every part of the control plane may give it: the time, chance, fetched values."""

import os
import socket
from collections.abc import Callable, Mapping
from copy import copy
from typing import Any, Self

from segue.domain.encrypted import revealed
from segue.domain.fetched_values import FetchedValues
from segue.expr import Dialect, Engine, References, Services
from segue.ports.clock import Clock, SystemClock
from segue.ports.jq_process import run_jq


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
        self.services = services
        self.dialect: Dialect | None = None

    def for_dialect(self, dialect: Dialect | None) -> Self:
        """The same renderer for the flows of one dialect."""
        if dialect is self.dialect:
            return self
        other = copy(self)
        other.dialect = dialect
        return other

    def over(self, values: FetchedValues, *, reveals: bool = False, http: bool = False) -> "ValueRenderer":
        """The same over the values of one execution. ``reveals``: its inputs hold encrypted texts. ``http``:
        expressions may ask other servers, whose answers are fetched as all else."""
        return ValueRenderer(self, values, reveals=reveals, http=http)

    def roots(self, context: Mapping[str, Any]) -> Mapping[str, Any]:
        """``context`` with the roots that are the same everywhere."""
        return context

    def render(self, text: str, context: Mapping[str, Any]) -> str | None:
        """Text to text. Raises ``ExpressionError``."""
        return self.engine.render(text, self.roots(context), self.services(), dialect=self.dialect)

    def render_typed(self, text: str, context: Mapping[str, Any]) -> Any:
        """Text to a native value. Raises ``ExpressionError``."""
        return self.engine.render_typed(text, self.roots(context), self.services(), dialect=self.dialect)

    def render_value(self, value: Any, context: Mapping[str, Any]) -> Any:
        """Every text inside ``value`` rendered. Raises ``ExpressionError``."""
        return self.engine.render_value(value, self.roots(context), self.services(), dialect=self.dialect)

    def references_of(self, value: Any) -> References:
        """What the texts inside ``value`` name. Raises ``ExpressionSyntaxError``."""
        return self.engine.references_of(value, self.dialect)


class ValueRenderer(Renderer):
    """A renderer whose expressions also see fetched values: raises ``Needed`` for those still to be fetched.

    Inputs that are stored encrypted are decrypted when a template looks at them (expression language 10.3).
    """

    def __init__(self, base: Renderer, values: FetchedValues, *, reveals: bool, http: bool) -> None:
        services = values.services(base.services(), logs=True, http=http)
        super().__init__(base.engine, lambda: services, base.encrypt)
        self.dialect = base.dialect
        self.values = values
        self._base = base
        self._reveals = reveals

    def roots(self, context: Mapping[str, Any]) -> Mapping[str, Any]:
        """See ``Renderer.roots``."""
        if self._reveals and "inputs" in context:
            context = {**context, "inputs": revealed(context["inputs"], self.values.plain)}
        return self._base.roots(context)


def machine_services(clock: Clock | None = None) -> Services:
    """What expressions may use of the machine they are rendered on: the time, chance and a free port."""
    return Services(clock=(clock or SystemClock()).now, entropy=os.urandom, free_port=_free_port, jq=run_jq)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def system_renderer(engine: Engine, clock: Clock) -> Renderer:
    """A renderer whose expressions may know the time and draw chance, and nothing else."""
    services = machine_services(clock)
    return Renderer(engine, lambda: services)
