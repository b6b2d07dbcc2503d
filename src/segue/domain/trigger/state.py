"""What is remembered of a trigger between its evaluations (flow language 12.2).

``since`` is how far a trigger has come: every date up to it is dealt with. ``pending_at`` is when somebody has to
look at it next, ``next_at`` the date shown to users: the next one for which its conditions hold.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec

from segue.domain.execution.model import FlowKey
from segue.domain.labels import Label


class TriggerKind(StrEnum):
    """Who evaluates a trigger that has a state: the scheduler, or a worker, now and then or all the time."""

    SCHEDULE = "SCHEDULE"
    POLLING = "POLLING"
    REALTIME = "REALTIME"


class TriggerKey(msgspec.Struct, frozen=True, array_like=True, order=True):
    """Which trigger. Hashable."""

    tenant: str
    namespace: str
    flow_id: str
    trigger_id: str

    @property
    def uid(self) -> str:
        """The key as one text; none of its parts can hold a slash."""
        return f"{self.tenant}/{self.namespace}/{self.flow_id}/{self.trigger_id}"


class Backfill(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A walk over dates of the past (flow language 12.3).

    ``id`` makes the executions of this walk differ from others of the same dates. ``since`` is how far it has come;
    ``current_at`` the date it starts next. ``previous_at`` is the trigger's own next date, restored at the end.
    """

    id: str
    start: datetime
    end: datetime
    since: datetime
    current_at: datetime | None = None
    paused: bool = False
    inputs: dict[str, Any] = {}
    labels: tuple[Label, ...] = ()
    previous_at: datetime | None = None


class TriggerState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The row of a trigger. ``version`` counts the writes and guards each of them (design D3)."""

    key: TriggerKey
    kind: TriggerKind
    revision: int
    """Of the flow that defines it: always the latest one."""
    fingerprint: str
    """Of the definition; another one begins anew."""
    updated_at: datetime
    since: datetime
    version: int = 0
    active: bool = True
    """Whether the flow and the definition let it run; ``disabled`` is what users switch."""
    disabled: bool = False
    pending_at: datetime | None = None
    next_at: datetime | None = None
    searched_to: datetime | None = None
    """How far ahead no date was found for which the conditions hold."""
    evaluated_at: datetime | None = None
    triggered_at: datetime | None = None
    """When it last started an execution."""
    execution_id: str | None = None
    """The execution that has to end before the next evaluation."""
    free_at: datetime | None = None
    """Since when it may be evaluated again after it was held up: what passed before is late, but not missed."""
    worker_id: str | None = None
    """The worker that evaluates it just now, as far as it is known."""
    evaluation_id: str | None = None
    """The evaluation that a worker was asked for and has not ended."""
    interval: timedelta | None = None
    """Between two evaluations of a polling trigger."""
    failures: int = 0
    """How often in a row its evaluation was lost or its stream ended, soon and without having given anything."""
    memory: dict[str, Any] | None = None
    """What its last poll remembered for the next one."""
    has_given: bool = False
    """Whether the stream under way has given something."""
    backfill: Backfill | None = None

    @property
    def flow(self) -> FlowKey:
        """The revision of the flow that defines it."""
        return FlowKey(self.key.tenant, self.key.namespace, self.key.flow_id, self.revision)

    @property
    def is_enabled(self) -> bool:
        """Whether it is evaluated at all."""
        return self.active and not self.disabled

    @property
    def is_locked(self) -> bool:
        """Whether an execution or an evaluation of it has to end first."""
        return self.execution_id is not None or self.evaluation_id is not None

    @property
    def due_at(self) -> datetime | None:
        """When a scheduler has to look at it; None while nobody has to."""
        return self.pending_at if self.is_enabled and not self.is_locked else None

    @property
    def running_backfill(self) -> Backfill | None:
        """The backfill under way."""
        return self.backfill if self.backfill is not None and not self.backfill.paused else None
