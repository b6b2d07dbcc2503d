"""Triggers: what a plugin looks at on a worker to start executions (flow language 12.8).

.. code-block:: python

    class NewOrders(PollingTrigger):
        type = "org.example.NewOrders"
        uri: Property[str]

        async def poll(self, context: TriggerContext) -> Output | None:
            orders = await orders_at(await context.render(self.uri))
            return Orders(count=len(orders)) if orders else None
"""

from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar, NamedTuple, Protocol, TypeAlias

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from segue.domain.flow.fields import Duration
from segue.sdk.context import RunContext
from segue.sdk.task import Example, Output


class TriggerInfo(NamedTuple):
    """The trigger that is evaluated."""

    id: str
    type: str


Event: TypeAlias = Output | Mapping[str, Any]
"""The variables of an execution: what expressions know as ``trigger``. A mapping is taken as it is."""

PollResult: TypeAlias = Event | Sequence[Event] | None
"""What ``poll`` may return: nothing happened, an execution, or several of them in order."""


class TriggerContext(RunContext, Protocol):
    """One evaluation of a trigger.

    As a task's, with these differences: ``logger`` writes the trigger's log; ``execution.id`` is the id that the first
    execution of this evaluation will have if it starts one, so that files written here are that execution's;
    ``metrics`` and ``insights`` are not kept; ``task_run.task_id`` is the trigger's id.
    """

    @property
    def trigger(self) -> TriggerInfo:
        """The trigger."""

    @property
    def memory(self) -> Mapping[str, Any]:
        """What the last poll of this trigger remembered; empty for a new trigger, and after a change of it."""

    def remember(self, memory: Mapping[str, Any]) -> None:
        """Keep a map of JSON values (64 KiB at most) for the next poll, over what was.

        It is stored together with the executions that this poll starts, or not at all: a poll that fails or is lost
        remembers nothing. Streams remember nothing either.
        """

    async def stored(self) -> None:
        """Return once the control plane has stored all events given so far: what a source wants to know before it
        forgets them."""


class Trigger(BaseModel):
    """Base of all triggers that workers evaluate. Its fields are its properties, camelCase in YAML.

    An instance belongs to a trigger of one revision of a flow: keep nothing of an evaluation in it. The properties
    every trigger has (``id``, ``when``, ``labels`` ...) are not among the fields.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        coerce_numbers_to_str=True,
    )

    type: ClassVar[str]
    """The type's name in flows."""
    aliases: ClassVar[frozenset[str]] = frozenset()
    """Older names, matched whatever their case."""
    examples: ClassVar[tuple[Example, ...]] = ()
    """Shown in the documentation and in the editor."""
    icon: ClassVar[str] = ""
    """An SVG picture, shown beside the trigger."""
    deprecated: ClassVar[str] = ""
    """When the type should not be used any more: what to use instead."""


class PollingTrigger(Trigger):
    """Looks now and then whether something happened. A subclass may give ``interval`` another default."""

    interval: Duration = timedelta(seconds=60)
    """How long to wait between the end of a look and the next one."""

    def poll(self, context: TriggerContext) -> Awaitable[PollResult] | PollResult:
        """Look: as ``async def`` in the worker's loop, or as ``def`` in a thread of its own.

        What is returned starts executions, with the mapping or output as ``trigger`` variables; None starts none. An
        exception is logged as a warning, and the next look comes after the interval all the same.
        """
        raise NotImplementedError(f"{type(self).__name__} has no poll method")


class RealtimeTrigger(Trigger):
    """Listens all the time; each event starts an execution."""

    def stream(self, context: TriggerContext) -> AsyncIterator[Event]:
        """Give events, as an ``async def`` with ``yield``, for as long as the trigger is enabled.

        The next event is asked for when there is room for it; ``context.stored()`` tells when those given are safe.
        When it ends or fails it is begun again after a while, perhaps on another worker. It is cancelled when the
        trigger is disabled, changed or deleted.
        """
        raise NotImplementedError(f"{type(self).__name__} has no stream method")
