"""Cron expressions of schedules (flow language 12.3): what they mean, and the dates they name.

Five fields (minute, hour, day of month, month, day of week), or six with a field of seconds before them;
nicknames such as ``@daily``. Days of the week count from 0 or 7 for Sunday, names of days and months are
known, ranges are strict. When both days are restricted, either of them is enough. Local times that a change
of the clocks leaves out or repeats are treated as Debian's cron does: a job of a fixed time runs once.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo

from cronsim import CronSim, CronSimError

_NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_FIELDS = 5
_MAX_LENGTH = 1000
_ANY_DATE = datetime(2024, 1, 1, tzinfo=UTC)


class CronExpression:
    """One expression, checked. Immutable; two of the same text and ``with_seconds`` are equal."""

    __slots__ = ("_fields", "text", "with_seconds")

    def __init__(self, text: str, *, with_seconds: bool = False) -> None:
        """Read ``text``. Raises ``ValueError`` saying what is wrong with it."""
        self.text = text
        self.with_seconds = with_seconds
        self._fields = _fields(text, with_seconds)
        try:
            CronSim(self._fields, _ANY_DATE)
        except CronSimError as error:
            raise ValueError(f"invalid cron expression '{text[:200]}': {_reason(error)}") from None

    def next_after(self, moment: datetime, zone: tzinfo = UTC) -> datetime | None:
        """The first date after ``moment`` (aware), on the clocks of ``zone``; in UTC.

        None when there is none within the fifty years that are searched.
        """
        return self._first(moment, zone, backwards=False, fits=lambda found: found > moment)

    def previous_before(self, moment: datetime, zone: tzinfo = UTC) -> datetime | None:
        """The last date before ``moment`` (aware), on the clocks of ``zone``; in UTC. None as above."""
        return self._first(moment, zone, backwards=True, fits=lambda found: found < moment)

    def _first(
        self, moment: datetime, zone: tzinfo, *, backwards: bool, fits: Callable[[datetime], bool]
    ) -> datetime | None:
        dates = CronSim(self._fields, moment.astimezone(zone), reverse=backwards)
        try:
            for found in dates:
                date = found.astimezone(UTC)
                if fits(date):
                    return date
        except OverflowError:  # beyond the year 9999, or before the year 1
            pass
        return None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CronExpression) and (self.text, self.with_seconds) == (other.text, other.with_seconds)

    def __hash__(self) -> int:
        return hash((self.text, self.with_seconds))

    def __repr__(self) -> str:
        return f"CronExpression({self.text!r}, with_seconds={self.with_seconds})"


def _fields(text: str, with_seconds: bool) -> str:
    """The fields in the form the library wants."""
    if len(text) > _MAX_LENGTH:
        raise ValueError(f"invalid cron expression: longer than {_MAX_LENGTH} characters")
    plain = text.strip()
    if plain.startswith("@"):
        if plain.lower() not in _NICKNAMES:
            raise ValueError(f"invalid cron expression '{text[:200]}': known nicknames are {', '.join(_NICKNAMES)}")
        return _NICKNAMES[plain.lower()]
    wanted = _FIELDS + with_seconds
    found = len(plain.split())
    if found != wanted:
        hint = "" if with_seconds or found != _FIELDS + 1 else "; set `withSeconds: true` for a field of seconds"
        raise ValueError(f"invalid cron expression '{text[:200]}': {wanted} fields are needed, not {found}{hint}")
    return plain


def _reason(error: CronSimError) -> str:
    return str(error).replace("Bad ", "wrong ", 1)
