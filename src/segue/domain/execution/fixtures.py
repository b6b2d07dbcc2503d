"""Fixtures of TEST executions: task runs are not run, but have the given state and outputs (flow language 11.8)."""

from collections.abc import Sequence
from typing import Any

import msgspec

from segue.domain.errors import LimitExceededError, SegueError
from segue.domain.execution.state import State
from segue.domain.flow.compiled import CompiledFlow
from segue.domain.flow.flowables import WorkingDirectory

FIXTURE_STATES = (State.SUCCESS, State.WARNING, State.FAILED, State.SKIPPED)
"""How a task run may end that was not run."""
MOST_BYTES = 256 * 1024
"""Of all fixtures of an execution, as JSON: they are kept in its row."""


class Fixture(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a task run is replaced with: of one iteration value, or of all without ``value``.

    ``assets`` and ``description`` are kept for those who read the execution, and do nothing.
    """

    id: str
    value: str | None = None
    state: State = State.SUCCESS
    outputs: dict[str, Any] = {}
    assets: tuple[Any, ...] = ()
    description: str | None = None


def read_fixtures(data: Any) -> tuple[Fixture, ...]:
    """Fixtures as clients send them: a list of objects, or JSON text of one. Raises ``SegueError`` for what is none."""
    try:
        if isinstance(data, str | bytes):
            return msgspec.json.decode(data, type=tuple[Fixture, ...])
        return msgspec.convert(data, tuple[Fixture, ...])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SegueError(f"fixtures: a list of {{id, value, state, outputs, assets}} is expected: {error}") from None


def check_fixtures(flow: CompiledFlow, fixtures: Sequence[Fixture]) -> None:
    """See that fixtures can be used for a flow.

    Raises ``SegueError`` for a task that is not there or cannot be replaced, for two that replace the same and for
    states in which no task run ends, ``LimitExceededError`` when they are too large.
    """
    seen: set[tuple[str, str | None]] = set()
    for fixture in fixtures:
        node = flow.nodes.get(fixture.id)
        if node is None:
            raise SegueError(f"fixtures: there is no task '{fixture.id[:100]}' in the flow")
        block = next((id_ for id_ in node.ancestors if isinstance(flow.find_task(id_), WorkingDirectory)), None)
        if block is not None:
            raise SegueError(
                f"fixtures: the task '{fixture.id}' runs inside the WorkingDirectory '{block}', which is run "
                f"as a whole: replace '{block}'"
            )
        if fixture.state not in FIXTURE_STATES:
            raise SegueError(f"fixtures: the state of '{fixture.id}' must be one of {', '.join(FIXTURE_STATES)}")
        if (fixture.id, fixture.value) in seen:
            raise SegueError(f"fixtures: there are two for the task '{fixture.id}' with the same value")
        seen.add((fixture.id, fixture.value))
    size = len(msgspec.json.encode(fixtures))
    if size > MOST_BYTES:
        raise LimitExceededError(f"The fixtures have {size} bytes, more than {MOST_BYTES}", "fixtures")
