"""Time and chance, injected so that tests decide about both."""

import os
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """The time."""

    def now(self) -> datetime:
        """The present, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present, aware, in UTC."""
        return datetime.now(UTC)


class Ids(Protocol):
    """New identifiers."""

    def new(self) -> str:
        """A new id: 22 URL-safe characters that sort by time."""
        ...


class SystemIds:
    """Ids from the machine's clock and its source of chance."""

    def new(self) -> str:
        """A new id: 22 URL-safe characters that sort by time."""
        from segue.domain.ids import time_ordered_id

        now = datetime.now(UTC)
        return time_ordered_id(int(now.timestamp() * 1000), os.urandom(10))
