"""The queue: it wakes people up and holds nothing that the database does not hold too (design D2).

Every message can be lost, doubled or reordered without harm: who sleeps on a topic also looks at the
database from time to time. An adapter may therefore be at-least-once or at-most-once, and takes a
message as handled when it hands it out.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from enum import StrEnum
from typing import Protocol


class Topic(StrEnum):
    """Work that exactly one of the consumers should look at; the messages are ids."""

    EXECUTIONS = "executions"
    """Ids of executions whose inbox holds something new."""
    TRANSITIONS = "transitions"
    """Ids of executions that entered a state which flow triggers wait for."""


class Channel(StrEnum):
    """News for everybody who listens now, best effort (design D9)."""

    JOBS = "jobs"
    """Names of worker queues that have ready jobs."""
    KILLS = "kills"
    """Ids of task runs whose attempts should stop."""
    EXECUTIONS = "execution-changes"
    """Ids of executions that changed."""
    LOGS = "log-changes"
    """Ids of executions that have new log lines."""
    FLOWS = "flow-changes"
    """``tenant/namespace/id`` of flows with a new revision."""
    NAMESPACES = "namespace-changes"
    """``tenant/namespace`` of namespaces whose settings changed."""
    TRIGGERS = "triggers"
    """ISO dates (UTC) at which triggers are due that were not due then before."""
    OUTCOMES = "trigger-outcomes"
    """``uid`` of triggers of which workers have said something."""
    TIMERS = "timers"
    """ISO dates (UTC) of timers set, so that who waits for the next one wakes up early enough."""


class Queue(Protocol):
    """A broker. All methods are safe to call from many tasks of one event loop."""

    async def start(self) -> None:
        """Connect. Raises ``segue.domain.errors.UnavailableError`` when the broker cannot be reached."""
        ...

    async def stop(self) -> None:
        """Disconnect; open subscriptions end."""
        ...

    async def publish(self, topic: Topic, messages: Sequence[str]) -> None:
        """Hand each message to one consumer of ``topic``, sooner or later, if any is there or comes.

        Called after the commit of what the messages speak of. Does nothing for no messages. Raises
        ``UnavailableError`` when the broker cannot be reached: the caller may go on, since the
        reconciler publishes again.
        """
        ...

    def consume(self, topic: Topic, limit: int) -> AbstractAsyncContextManager[AsyncIterator[list[str]]]:
        """A subscription that competes with all others on ``topic``.

        It yields lists of 1 to ``limit`` messages, without a message twice in one list, as soon as
        there are any: what arrived while the consumer worked comes in one list (natural batching).
        While the broker is away it waits and reconnects by itself.
        """
        ...

    async def broadcast(self, channel: Channel, messages: Sequence[str]) -> None:
        """Tell everybody who listens to ``channel`` now. Never raises for an absent broker."""
        ...

    def listen(self, channel: Channel) -> AbstractAsyncContextManager[AsyncIterator[list[str]]]:
        """A subscription to all of ``channel`` from the moment the context is entered.

        Yields lists of messages. A slow listener may lose the oldest; an empty list says that some
        may have been lost (a reconnect, an overflow) and everything must be looked at again.
        """
        ...
