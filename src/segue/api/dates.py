"""Dates in requests (REST API 1.3)."""

from datetime import UTC, datetime

from segue.api.problems import INVALID_ARGUMENT, ProblemError


def parse_date_time(text: str) -> datetime:
    """An ISO-8601 date-time, UTC where it names no zone. A space stands for the ``+`` that a client did
    not encode. Raises ``ProblemError`` when it is none."""
    try:
        stripped = text.strip()
        date = datetime.fromisoformat(stripped.replace(" ", "+") if "T" in stripped else stripped)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ProblemError(INVALID_ARGUMENT, f"'{text[:100]}' is not an ISO-8601 date-time") from None
