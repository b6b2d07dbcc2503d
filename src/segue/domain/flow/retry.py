"""When a failed task run is tried again (flow language 2.8 and 6.2)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

from segue.domain.flow.fields import TAG_MARK, Definition, Duration, tag


class RetryBehavior(StrEnum):
    """What is repeated: the failed task run, or the whole execution as a new one."""

    RETRY_FAILED_TASK = "RETRY_FAILED_TASK"
    CREATE_NEW_EXECUTION = "CREATE_NEW_EXECUTION"


class RetryBase(Definition):
    """What all kinds of retries share. `max_attempts` counts the first attempt too."""

    max_attempts: Annotated[int, Field(ge=1)] | None = None
    max_duration: Duration | None = None
    warning_on_retry: bool = False
    behavior: RetryBehavior = RetryBehavior.RETRY_FAILED_TASK


class ConstantRetry(RetryBase):
    """The same pause before every attempt."""

    type: Literal["constant"] = "constant"
    interval: Duration

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.max_duration is not None and self.interval >= self.max_duration:
            raise PydanticCustomError("retry", "'interval' must be less than 'maxDuration'")
        return self


class ExponentialRetry(RetryBase):
    """Pauses that grow by `delay_factor` up to `max_interval`."""

    type: Literal["exponential"] = "exponential"
    interval: Duration
    max_interval: Duration
    delay_factor: float = 2.0

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.max_duration is not None and self.interval >= self.max_duration:
            raise PydanticCustomError("retry", "'interval' must be less than 'maxDuration'")
        if self.interval >= self.max_interval:
            raise PydanticCustomError("retry", "'interval' must be less than 'maxInterval'")
        return self


class RandomRetry(RetryBase):
    """Pauses drawn evenly between two bounds."""

    type: Literal["random"] = "random"
    min_interval: Duration
    max_interval: Duration

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.min_interval >= self.max_interval:
            raise PydanticCustomError("retry", "'minInterval' must be less than 'maxInterval'")
        if self.max_duration is not None and self.max_interval >= self.max_duration:
            raise PydanticCustomError("retry", "'maxInterval' must be less than 'maxDuration'")
        return self


def _kind(value: Any) -> str | None:
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return TAG_MARK + kind if isinstance(kind, str) else None


Retry = TypeAliasType(
    "Retry",
    Annotated[
        Annotated[ConstantRetry, tag("constant")]
        | Annotated[ExponentialRetry, tag("exponential")]
        | Annotated[RandomRetry, tag("random")],
        Discriminator(_kind),
    ],
)
