"""Points in time as properties."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator


def _without_zone_name(value: Any) -> Any:
    """ISO-8601 texts may name the zone after the offset: ``2026-01-01T00:00+01:00[Europe/Paris]``."""
    if isinstance(value, str):
        return value.strip().partition("[")[0]
    if isinstance(value, datetime):
        return value
    raise ValueError("must be an ISO-8601 date-time with a zone, such as 2026-01-31T08:00:00Z")


def _utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


Moment = Annotated[AwareDatetime, BeforeValidator(_without_zone_name), AfterValidator(_utc)]
"""A date-time with a zone in ISO-8601; an aware UTC ``datetime`` once rendered."""
