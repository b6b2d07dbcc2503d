"""Rows of triggers, for all who write them: the scheduler, flows that are saved, executions that end."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from segue.adapters.databases.sql import tables
from segue.adapters.databases.sql.codecs import encode, from_micros, to_micros
from segue.adapters.databases.sql.evaluations import drop_evaluations, drop_outcomes, end_evaluations
from segue.adapters.databases.sql.statements import Insert, Row, Statement, Transaction, Update
from segue.domain.execution.model import FlowKey
from segue.domain.trigger.registration import Registration, register
from segue.domain.trigger.state import TriggerKey, TriggerState

STATE_COLUMNS = "version, active, disabled, pending_at, next_at, free_at, execution_id, evaluation_id, body"
"""What ``state_of`` wants, in its order."""

_WRITTEN = (
    "version", "active", "disabled", "due_at", "pending_at", "next_at", "free_at", "triggered_at", "execution_id",
    "worker_id", "evaluation_id", "body",
)  # fmt: skip
_INSERT = Insert(
    tables.triggers,
    ("uid", "tenant", "namespace", "flow_id", "trigger_id", "kind", *_WRITTEN),
    "ON CONFLICT (uid) DO NOTHING",
)
_UPDATE = Update(tables.triggers, _WRITTEN, "uid")
_DELETE = Statement("triggers.delete", "DELETE FROM triggers WHERE uid = EACH(:uids) RETURNING uid")
_OF_FLOW = Statement(
    "triggers.flow",
    f"""SELECT {STATE_COLUMNS} FROM triggers
        WHERE tenant = :tenant AND namespace = :namespace AND flow_id = :flow_id ORDER BY trigger_id""",  # noqa: S608  # ours
)
_LOCK = Statement("triggers.lock")
_WAITING = Statement("triggers.waiting")
_FREE = Statement(
    "triggers.free",
    """UPDATE triggers SET execution_id = NULL, free_at = :now, version = version + 1,
           due_at = CASE WHEN active AND NOT disabled AND evaluation_id IS NULL THEN pending_at END
       WHERE uid = EACH(:uids)""",
)
_STOP = Statement(
    "triggers.stop",
    """UPDATE triggers SET disabled = TRUE, due_at = NULL, pending_at = NULL, next_at = NULL, evaluation_id = NULL,
           version = version + 1
       WHERE uid = EACH(:uids)""",
)
_decoder = msgspec.json.Decoder(TriggerState)


def state_of(row: Sequence[Any]) -> TriggerState:
    """The state in a row of ``STATE_COLUMNS``. Columns rule over what the body says."""
    version, active, disabled, pending_at, next_at, free_at, execution_id, evaluation_id, body = row
    state = _decoder.decode(body)
    return msgspec.structs.replace(
        state,
        version=version,
        active=bool(active),
        disabled=bool(disabled),
        pending_at=None if pending_at is None else from_micros(pending_at),
        next_at=None if next_at is None else from_micros(next_at),
        free_at=None if free_at is None else from_micros(free_at),
        execution_id=execution_id,
        evaluation_id=evaluation_id,
    )


def states_of_flow(transaction: Transaction, tenant: str, namespace: str, flow_id: str) -> list[TriggerState]:
    """The states of a flow's triggers, by id."""
    rows = transaction.fetch(_OF_FLOW, tenant=tenant, namespace=namespace, flow_id=flow_id)
    return [state_of(row) for row in rows]


def lock_triggers(transaction: Transaction, uids: Iterable[str]) -> dict[str, int]:
    """Lock rows in the order in which everybody does; their versions."""
    wanted = list(uids)
    return {row[0]: row[1] for row in transaction.fetch(_LOCK, uids=wanted)} if wanted else {}


def write_states(transaction: Transaction, states: Iterable[TriggerState]) -> None:
    """Update rows that are locked at the version of their state; it is counted up.

    Evaluations that a state does not wait for any more are taken from their workers.
    """
    states = list(states)
    end_evaluations(transaction, states)
    transaction.update(_UPDATE, [(*_values(state, state.version + 1), state.key.uid) for state in states])


def insert_states(transaction: Transaction, states: Iterable[TriggerState]) -> None:
    """Insert rows of new triggers."""
    rows: list[Row] = []
    for state in states:
        key = state.key
        names = (key.uid, key.tenant, key.namespace, key.flow_id, key.trigger_id, state.kind.value)
        rows.append((*names, *_values(state, state.version)))
    transaction.insert(_INSERT, rows)


def delete_states(transaction: Transaction, keys: Iterable[TriggerKey]) -> int:
    """Delete rows; how many there were."""
    uids = sorted(key.uid for key in keys)
    if not uids:
        return 0
    deleted = len(transaction.fetch(_DELETE, uids=uids))
    drop_evaluations(transaction, uids)
    drop_outcomes(transaction, uids)
    return deleted


def register_triggers(transaction: Transaction, flow: FlowKey, registration: Registration) -> None:
    """Bring the triggers of a flow to its newest revision (``segue.domain.trigger.registration``)."""
    place = (flow.tenant, flow.namespace, flow.flow_id)
    uids = [state.key.uid for state in states_of_flow(transaction, *place)]
    known = lock_triggers(transaction, uids)
    before = [state for state in states_of_flow(transaction, *place) if state.key.uid in known]
    outcome = register(before, flow, registration)
    write_states(transaction, [state for state in outcome.written if state.key.uid in known])
    insert_states(transaction, [state for state in outcome.written if state.key.uid not in known])
    delete_states(transaction, [state.key for state in outcome.removed])


def free_triggers(
    transaction: Transaction, execution_ids: list[str], at: datetime, stopped: Iterable[TriggerKey] = ()
) -> None:
    """Executions are over or gone: triggers that wait for them go on, those that are to be stopped are disabled."""
    if execution_ids:
        waiting = [row[0] for row in transaction.fetch(_WAITING, ids=execution_ids)]
        unlock_triggers(transaction, waiting, to_micros(at))
    uids = sorted({key.uid for key in stopped})
    if uids:
        transaction.execute(_STOP, uids=uids)
        drop_evaluations(transaction, uids)


def unlock_triggers(transaction: Transaction, uids: list[str], now: int) -> None:
    """Take away the locks of rows that are locked by this transaction."""
    if uids:
        transaction.execute(_FREE, uids=uids, now=now)


def _values(state: TriggerState, version: int) -> Row:
    return (
        version,
        state.active,
        state.disabled,
        _micros(state.due_at),
        _micros(state.pending_at),
        _micros(state.next_at),
        _micros(state.free_at),
        _micros(state.triggered_at),
        state.execution_id,
        state.worker_id,
        state.evaluation_id,
        encode(state),
    )


def _micros(at: Any) -> int | None:
    return None if at is None else to_micros(at)
