"""What bounds or guards executions: concurrency, SLA, checks, quotas (flow language 2.7 to 2.11)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field
from typing_extensions import TypeAliasType

from segue.domain.flow.fields import TAG_MARK, Definition, Duration, Labels, Text, tag


class ConcurrencyBehavior(StrEnum):
    """What happens to an execution that finds no free slot."""

    QUEUE = "QUEUE"
    CANCEL = "CANCEL"
    FAIL = "FAIL"


class Concurrency(Definition):
    """How many executions of the flow may run at a time."""

    limit: Annotated[int, Field(ge=1)]
    behavior: ConcurrencyBehavior = ConcurrencyBehavior.QUEUE


class SlaBehavior(StrEnum):
    """What a violated SLA does to the execution."""

    FAIL = "FAIL"
    CANCEL = "CANCEL"
    NONE = "NONE"


class SlaBase(Definition):
    """What all kinds of SLA share."""

    id: Annotated[str, Field(min_length=1)]
    behavior: SlaBehavior
    labels: Labels = ()


class MaxDurationSla(SlaBase):
    """The execution must end within `duration` of its start."""

    type: Literal["MAX_DURATION"] = "MAX_DURATION"
    duration: Duration


class ExecutionAssertionSla(SlaBase):
    """The expression must be truthy at every event of the execution."""

    type: Literal["EXECUTION_ASSERTION"] = "EXECUTION_ASSERTION"
    assertion: Annotated[Text, Field(alias="assert")]


def _sla_kind(value: Any) -> str | None:
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return TAG_MARK + kind if isinstance(kind, str) else None


Sla = TypeAliasType(
    "Sla",
    Annotated[
        Annotated[MaxDurationSla, tag("MAX_DURATION")] | Annotated[ExecutionAssertionSla, tag("EXECUTION_ASSERTION")],
        Discriminator(_sla_kind),
    ],
)


class CheckStyle(StrEnum):
    """How the message of a check is shown."""

    ERROR = "ERROR"
    SUCCESS = "SUCCESS"
    WARNING = "WARNING"
    INFO = "INFO"


class CheckBehavior(StrEnum):
    """What a failing check does, the strictest first."""

    BLOCK_EXECUTION = "BLOCK_EXECUTION"
    FAIL_EXECUTION = "FAIL_EXECUTION"
    CREATE_EXECUTION = "CREATE_EXECUTION"


class Check(Definition):
    """A condition asked before an execution is created."""

    when: Text
    message: Text
    style: CheckStyle = CheckStyle.INFO
    behavior: CheckBehavior = CheckBehavior.BLOCK_EXECUTION


class Quota(Definition):
    """How many executions may be created in a window of time (commercial edition of the original)."""

    duration: Duration
    limit: Annotated[int, Field(ge=0)]
    behavior: Literal["CANCEL", "FAIL"] = "FAIL"
