"""What waits for one consumer or listener inside this process: shared by all queues."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable
from itertools import islice

_LONGEST_BACKLOG = 10_000


class Pending:
    """Messages of a topic that nobody has taken yet, each once, in the order they came."""

    def __init__(self) -> None:
        self._messages: dict[str, None] = {}
        self._arrival = asyncio.Event()
        self._closed = False

    def __len__(self) -> int:
        return len(self._messages)

    def add(self, messages: Iterable[str]) -> None:
        """Put messages at the end; one that waits already keeps its place."""
        for message in messages:
            self._messages.setdefault(message)
        if self._messages:
            self._arrival.set()

    def close(self) -> None:
        """End all iterations."""
        self._closed = True
        self._arrival.set()

    async def batches(self, limit: int) -> AsyncIterator[list[str]]:
        """Take up to ``limit`` messages at a time, for ever. Several iterations compete."""
        while not self._closed:
            if not self._messages:
                self._arrival.clear()
                await self._arrival.wait()
                continue
            yield self.take(limit)

    def take(self, limit: int) -> list[str]:
        """Take up to ``limit`` messages now."""
        if len(self._messages) <= limit:
            batch = list(self._messages)
            self._messages.clear()
            return batch
        batch = list(islice(self._messages, limit))
        for message in batch:
            del self._messages[message]
        return batch


class Mailbox:
    """News for one listener. When it is too slow the oldest are lost, and an empty list says so."""

    def __init__(self, limit: int = _LONGEST_BACKLOG) -> None:
        self._messages: deque[str] = deque(maxlen=limit)
        self._lost = False
        self._closed = False
        self._arrival = asyncio.Event()

    def put(self, messages: Iterable[str]) -> None:
        """Add news."""
        for message in messages:
            self._lost = self._lost or len(self._messages) == self._messages.maxlen
            self._messages.append(message)
        self._arrival.set()

    def lose(self) -> None:
        """Note that some may be missing."""
        self._lost = True
        self._arrival.set()

    def close(self) -> None:
        """End the iteration once everything is read."""
        self._closed = True
        self._arrival.set()

    async def batches(self) -> AsyncIterator[list[str]]:
        """All news since the last list; an empty list first when some were lost."""
        while True:
            if self._lost:
                self._lost = False
                yield []
            elif self._messages:
                batch = list(self._messages)
                self._messages.clear()
                yield batch
            elif self._closed:
                return
            else:
                self._arrival.clear()
                await self._arrival.wait()


class Switchboard:
    """The listeners of this process by channel."""

    def __init__(self) -> None:
        self._mailboxes: dict[str, set[Mailbox]] = {}

    def open(self, channel: str) -> Mailbox:
        """A new mailbox for a channel."""
        mailbox = Mailbox()
        self._mailboxes.setdefault(channel, set()).add(mailbox)
        return mailbox

    def shut(self, channel: str, mailbox: Mailbox) -> None:
        """Take a mailbox away."""
        mailbox.close()
        self._mailboxes.get(channel, set()).discard(mailbox)

    def put(self, channel: str, messages: Iterable[str]) -> None:
        """Tell everybody who listens to the channel."""
        given = list(messages)
        if given:
            for mailbox in self._mailboxes.get(channel, ()):
                mailbox.put(given)

    def lose(self) -> None:
        """Tell everybody that something may be missing."""
        for mailboxes in self._mailboxes.values():
            for mailbox in mailboxes:
                mailbox.lose()

    def close(self) -> None:
        """End all listening."""
        for mailboxes in self._mailboxes.values():
            for mailbox in mailboxes:
                mailbox.close()
        self._mailboxes.clear()
