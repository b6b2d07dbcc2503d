"""The loops of 1.x, whose iterations are task runs of the same execution (flow language 7.8)."""

import json
from abc import abstractmethod
from typing import Any, TypeVar

import msgspec

from segue.domain.engine.flowables.base import FlowableRun
from segue.domain.engine.flowables.parallel import whole_number
from segue.domain.engine.rendering import private_outputs
from segue.domain.engine.state import MAIN
from segue.domain.errors import LimitExceededError, SegueError
from segue.domain.execution.facts import Continued
from segue.domain.flow.flowables import EachParallel, EachSequential, Flowable, ForEach
from segue.domain.flow.tasks import Task

MAX_VALUES = 100_000
MADE_PER_STEP = 500
"""Task runs that one step makes at most for a loop; the next step goes on."""

AnyEach = TypeVar("AnyEach", bound=Flowable)


def iteration_values(rendered: Any) -> list[str]:
    """The values of a loop as texts, without duplicates (flow language 7.8).

    ``rendered`` is a list, or JSON text of one, or of an object whose entries are then the values.
    Raises ``SegueError`` for anything else, for nulls, and for more than ``MAX_VALUES``.
    """
    values = rendered
    if isinstance(values, str):
        try:
            values = msgspec.json.decode(values)
        except msgspec.DecodeError as error:
            raise SegueError(f"The values of the loop are no JSON array: {error}: {rendered[:200]!r}") from error
    if isinstance(values, dict):
        values = [{"key": key, "value": value} for key, value in values.items()]
    if not isinstance(values, list):
        raise SegueError(f"The values of the loop must be a list, not {type(values).__name__}")
    nulls = sum(1 for value in values if value is None)
    if nulls:
        raise SegueError(f"Found '{nulls}' null values on Each, with values={json.dumps(values)[:500]}")
    texts = list(dict.fromkeys(_text(value) for value in values))
    if len(texts) > MAX_VALUES:
        raise LimitExceededError(
            f"A loop can have {MAX_VALUES} values, not {len(texts)}: split them or use a Loop over a file",
            "max-values",
        )
    return texts


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


class EachRun(FlowableRun[AnyEach]):
    """What the three loops share: their values, worked out once and kept with the task run."""

    def begin(self) -> None:
        """Render the values and keep them."""
        values = iteration_values(self.progress.render_value(self.source(), self.run))
        self.progress.store_private(self._owner, {"values": values})

    @abstractmethod
    def source(self) -> Any:
        """The property with the values."""

    @property
    def values(self) -> list[str]:
        """The values of this task run."""
        found: list[str] = private_outputs(self.progress.state, self._owner)["values"]
        return found

    @property
    def _owner(self) -> str:
        return f"{self.run.id}#values"

    def create(self, task: Task, index: int) -> None:
        """The task run of one task for one value."""
        self.progress.create_run(task, self.run, value=self.values[index], iteration=index)

    def groups(self, limit: int) -> bool:
        """Run the tasks in order for each value, for up to ``limit`` values at once (0: all)."""
        tasks, state = self.section("tasks"), self.progress.state
        total = len(self.values)
        if not tasks or not total:
            return True
        groups = state.tally(self.run.id, MAIN).groups
        waiting = list(groups.waiting)
        for index in waiting[: self.at_most(len(waiting))]:
            self.create(tasks[groups.made[index]], index)
        begun = len(groups.made)
        room = total - begun if not limit else min(total - begun, limit - (begun - groups.complete))
        for index in range(begun, begun + self.at_most(room)):
            self.create(tasks[0], index)
        return groups.complete >= total

    def at_most(self, wanted: int) -> int:
        """How many of the task runs that may be made are made in this step; the next step goes on."""
        left = max(0, MADE_PER_STEP - len(self.progress.decision.new_runs))
        if wanted > left:
            key = f"continued:{self.run.id}:{self.progress.execution.task_run_count}"
            self.progress.tell(self.progress.execution.id, Continued(), key)
        return max(0, min(wanted, left))


class ForEachRun(EachRun[ForEach]):
    """A group of tasks for every value, ``concurrencyLimit`` groups at once."""

    def source(self) -> Any:
        """The property ``values``."""
        return self.task.values

    def main(self) -> bool:
        """Groups side by side."""
        return self.groups(self.task.concurrency_limit)


class EachSequentialRun(EachRun[EachSequential]):
    """One value after the other."""

    def source(self) -> Any:
        """The property ``value``."""
        return self.task.value

    def main(self) -> bool:
        """One group at a time."""
        return self.groups(1)


class EachParallelRun(EachRun[EachParallel]):
    """Every pair of value and task on its own."""

    def source(self) -> Any:
        """The property ``value``."""
        return self.task.value

    def main(self) -> bool:
        """As many pairs as there is room for, value by value."""
        tasks, values = self.section("tasks"), self.values
        tally = self.progress.state.tally(self.run.id, MAIN)
        limit = whole_number(self.progress.render_value(self.task.concurrent, self.run), "concurrent")
        total = len(tasks) * len(values)
        room = total if not limit else max(0, limit - tally.open)
        begun = len(tally.ids)
        for position in range(begun, begun + self.at_most(min(room, total - begun))):
            self.create(tasks[position % len(tasks)], position // len(tasks))
        tally = self.progress.state.tally(self.run.id, MAIN)
        return not tally.open and len(tally.ids) >= total
