"""Which workers may run a task (flow language 6.6)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from segue.domain.flow.fields import Definition


class SelectorMatch(StrEnum):
    """Whether a worker queue needs all tags or one of them."""

    ALL = "ALL"
    ANY = "ANY"


class SelectorFallback(StrEnum):
    """What happens while no worker fits."""

    FAIL = "FAIL"
    WAIT = "WAIT"
    CANCEL = "CANCEL"
    IGNORE = "IGNORE"


class WorkerSelector(Definition):
    """The tags a worker queue must have. A 1.x `workerGroup` is turned into one of these."""

    tags: Annotated[tuple[str, ...], Field(max_length=20)] = ()
    match: SelectorMatch = SelectorMatch.ALL
    fallback: SelectorFallback = SelectorFallback.FAIL

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.tags and "fallback" in self.model_fields_set:
            raise PydanticCustomError("selector", "'fallback' cannot be set without 'tags'")
        return self
