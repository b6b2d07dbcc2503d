"""Calls about triggers (core plugins 9.7)."""

from typing import ClassVar

import msgspec

from segue.domain.platform.call import Call


class Switched(msgspec.Struct, frozen=True):
    """It is as it was asked for."""


class SwitchTrigger(Call[Switched], frozen=True, kw_only=True):
    """Enable or disable a trigger; one that is so already is left as it is."""

    verb: ClassVar[str] = "triggers.switch"
    answer: ClassVar[type] = Switched

    namespace: str
    flow_id: str
    trigger_id: str
    enabled: bool
