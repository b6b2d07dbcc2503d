"""What a flow gives back (flow language 5)."""

from __future__ import annotations

from typing import Any, Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from segue.domain.flow.fields import Definition, InputId, Text
from segue.domain.flow.inputs import ElementType, InputType

_STRUCTURAL = {InputType.FORM, InputType.REUSABLE_INPUTS}


class Output(Definition):
    """A typed value, rendered at the end of an execution or of an iteration."""

    id: InputId
    type: ElementType
    value: Any
    description: Text | None = None
    display_name: Text | None = None
    required: bool = True
    item_type: ElementType | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.type in _STRUCTURAL:
            raise PydanticCustomError("output", "an output cannot be of type {kind}", {"kind": self.type.value})
        if self.item_type in {InputType.ARRAY, InputType.SECRET, *_STRUCTURAL}:
            raise PydanticCustomError("output", "`itemType` cannot be `{kind}`", {"kind": str(self.item_type)})
        return self
