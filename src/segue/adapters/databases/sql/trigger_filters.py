"""Trees of conditions on triggers as SQL (``ports.repositories.trigger_filters``)."""

from typing import Any

import sqlalchemy as sa

from segue.adapters.databases.sql import tables
from segue.adapters.databases.sql.codecs import storable, to_micros
from segue.adapters.databases.sql.conditions import ORDERS, TEXTS, Condition, contains_any_case
from segue.ports.repositories.filters import Comparison
from segue.ports.repositories.trigger_filters import (
    TriggerAll,
    TriggerDate,
    TriggerDated,
    TriggerField,
    TriggerFilter,
    TriggerIs,
    TriggerMatch,
    TriggerSome,
    TriggerTrait,
)

_C = tables.triggers.c
_COLUMNS: dict[TriggerField, sa.ColumnElement[Any]] = {
    TriggerField.NAMESPACE: _C.namespace,
    TriggerField.FLOW_ID: _C.flow_id,
    TriggerField.TRIGGER_ID: _C.trigger_id,
    TriggerField.KIND: _C.kind,
    TriggerField.EXECUTION_ID: _C.execution_id,
    TriggerField.WORKER_ID: _C.worker_id,
}
_DATES = {TriggerDate.NEXT: _C.next_at, TriggerDate.LAST: _C.triggered_at}
_TRAITS: dict[TriggerTrait, Condition] = {
    TriggerTrait.DISABLED: sa.or_(_C.disabled, sa.not_(_C.active)),
    TriggerTrait.LOCKED: sa.or_(_C.execution_id.is_not(None), _C.evaluation_id.is_not(None)),
}
_NEGATIVE = frozenset({Comparison.NOT_EQUALS, Comparison.NOT_IN})


def trigger_condition(tree: TriggerFilter) -> Condition:
    """A tree as one condition. Raises ``ValueError`` for a comparison that a field does not have."""
    match tree:
        case TriggerAll():
            return sa.and_(sa.true(), *(trigger_condition(part) for part in tree.parts))
        case TriggerSome():
            return sa.or_(sa.false(), *(trigger_condition(part) for part in tree.parts))
        case TriggerIs():
            holds = _TRAITS[tree.trait]
            return holds if tree.is_so else sa.not_(holds)
        case TriggerDated():
            column = _DATES[tree.field]
            return sa.and_(column.is_not(None), ORDERS[tree.comparison](column, to_micros(tree.at)))
        case TriggerMatch():
            return _match(tree)


def _match(match: TriggerMatch) -> Condition:
    if match.comparison in _NEGATIVE:
        return sa.not_(_match(TriggerMatch(match.field, Comparison.IN, match.values)))
    if match.field is TriggerField.TEXT:
        columns = (_C.trigger_id, _C.flow_id, _C.namespace)
        return sa.or_(sa.false(), *(contains_any_case(columns, value) for value in match.values))
    column = _COLUMNS[match.field]
    if match.comparison in {Comparison.EQUALS, Comparison.IN}:
        return sa.and_(column.is_not(None), column.in_([storable(value) for value in match.values]))
    if match.comparison not in TEXTS:
        raise ValueError(f"{match.field} cannot be compared with {match.comparison}")
    return sa.and_(column.is_not(None), TEXTS[match.comparison](column, storable(match.values[0])))
