"""Conditions on triggers as trees, so that a search can say and, or, and any comparison (REST API 1.3, 4.6)."""

from datetime import datetime
from enum import StrEnum

import msgspec

from segue.ports.repositories.filters import Comparison


class TriggerField(StrEnum):
    """What triggers can be searched by."""

    NAMESPACE = "namespace"
    FLOW_ID = "flowId"
    TRIGGER_ID = "triggerId"
    KIND = "kind"
    EXECUTION_ID = "executionId"
    """The execution that has to end first."""
    WORKER_ID = "workerId"
    TEXT = "q"
    """Part of the trigger id, flow id or namespace, whatever the case."""


class TriggerMatch(msgspec.Struct, frozen=True):
    """A field compared with texts, as ``filters.Match`` says."""

    field: TriggerField
    comparison: Comparison
    values: tuple[str, ...]


class TriggerTrait(StrEnum):
    """What a trigger is or is not."""

    DISABLED = "DISABLED"
    """Not evaluated: by a user's switch, by its definition or by its flow."""
    LOCKED = "LOCKED"
    """An execution or an evaluation of it has to end first."""


class TriggerIs(msgspec.Struct, frozen=True):
    """Whether a trigger has a trait."""

    trait: TriggerTrait
    is_so: bool = True


class TriggerDate(StrEnum):
    """A date of a trigger."""

    NEXT = "NEXT_EXECUTION_DATE"
    LAST = "LAST_TRIGGERED_DATE"


class TriggerDated(msgspec.Struct, frozen=True):
    """A date compared with one; false without the date. ``comparison`` is EQUALS or one of the four orders."""

    field: TriggerDate
    comparison: Comparison
    at: datetime


class TriggerAll(msgspec.Struct, frozen=True):
    """Every part holds; true without parts."""

    parts: tuple["TriggerFilter", ...]


class TriggerSome(msgspec.Struct, frozen=True):
    """At least one part holds; false without parts."""

    parts: tuple["TriggerFilter", ...]


TriggerFilter = TriggerMatch | TriggerIs | TriggerDated | TriggerAll | TriggerSome
