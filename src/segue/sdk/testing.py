"""Run one task without a server: for the tests of a plugin.

.. code-block:: python

    async def test_it_greets() -> None:
        result = await run_task(Greet(name="{{ inputs.who }}"), variables={"inputs": {"who": "you"}})
        assert result.state is State.SUCCESS
        assert result.outputs == {"text": "Hello you"}

The task runs as on a worker: the same reading of its YAML, the same expressions, limits, timeouts, masks and checks,
against a real database, storage and cipher in a temporary folder. Only the network and the engine are left out.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple, TypedDict, Unpack

from segue.domain.execution.insights import InsightKind, InsightState
from segue.domain.execution.logs import LogLevel
from segue.domain.execution.state import State
from segue.sdk.runner import TaskRunner
from segue.sdk.task import Task

__all__ = ["Given", "LogLine", "Measured", "Shown", "TaskOutcome", "run_task", "run_task_blocking"]


class Given(TypedDict, total=False):
    """What a task finds when it runs. All of it may be left out."""

    variables: Mapping[str, Any]
    """Roots of expressions: ``inputs``, ``vars``, ``labels``, ``trigger`` ..., and ``outputs`` by task id."""
    files: Mapping[str, bytes]
    """Inputs of type FILE: stored before the run; ``{{ inputs.NAME }}`` is the URI."""
    namespace_files: Mapping[str, bytes]
    """Files of the flow's namespace, by their paths."""
    kv: Mapping[str, Any]
    """The KV store of the flow's namespace."""
    secrets: Mapping[str, str]
    """What ``secret()`` gives."""
    plugins: Sequence[type[Task] | type[TaskRunner]]
    """Further types the YAML may name; those that are installed are known."""
    kill_after: timedelta
    """Kill the task after this time, as a user does."""
    folder: str
    """Where the temporary folder is made; removed after the run."""


class LogLine(NamedTuple):
    """A line of the log."""

    level: LogLevel
    message: str


class Measured(NamedTuple):
    """A metric: ``type`` is counter, gauge or timer (in milliseconds)."""

    type: str
    name: str
    value: float
    tags: Mapping[str, str]


class Shown(NamedTuple):
    """An insight as it was told last. ``within`` is the name of the step around."""

    kind: InsightKind
    name: str
    content: Mapping[str, Any]
    state: InsightState | None = None
    within: str | None = None


@dataclass(frozen=True, kw_only=True)
class TaskOutcome:
    """What became of a run."""

    state: State
    message: str | None
    """Why it failed, as it is logged: without secrets."""
    outputs: Mapping[str, Any] = field(default_factory=dict)
    """As they are stored: secret ones are encrypted."""
    plain_outputs: Mapping[str, Any] = field(default_factory=dict)
    """As expressions of later tasks see them."""
    logs: Sequence[LogLine] = ()
    metrics: Sequence[Measured] = ()
    insights: Sequence[Shown] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Files the task has stored, by their URIs."""
    kv: Mapping[str, Any] = field(default_factory=dict)
    """The KV store of the flow's namespace after the run."""
    namespace_files: Mapping[str, bytes] = field(default_factory=dict)
    """The files of the flow's namespace after the run, by their paths."""


async def run_task(task: Task | Mapping[str, Any] | str, **given: Unpack[Given]) -> TaskOutcome:
    """Run a task: an object, the map of its YAML, or the YAML text itself (``id`` may be left out).

    An object is turned into YAML first, so that what is tested is what a flow can say. Raises ``FlowInvalidError`` when
    the YAML is not valid, as a flow with this task could not be saved; all that goes wrong later is in the outcome.
    """
    # The parts of a worker and of a controller meet above this package: in the composition root.
    from segue.bootstrap.task_bench import run_alone

    return await run_alone(task, given)


def run_task_blocking(task: Task | Mapping[str, Any] | str, **given: Unpack[Given]) -> TaskOutcome:
    """The same for tests that are not async."""
    return asyncio.run(run_task(task, **given))
