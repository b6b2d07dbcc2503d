"""Trees of conditions on executions as SQL (``ports.repositories.filters``)."""

import sqlalchemy as sa

from segue.adapters.databases.sql import tables
from segue.adapters.databases.sql.codecs import label_needle, storable, to_micros
from segue.adapters.databases.sql.conditions import ORDERS, TEXTS, Condition, contains_any_case
from segue.adapters.databases.sql.dialects.dialect import Dialect
from segue.domain.execution.state import TERMINATED
from segue.domain.labels import Label
from segue.ports.repositories.filters import (
    All,
    Comparison,
    Dated,
    DateField,
    ExecutionField,
    Filter,
    Match,
    Present,
    Some,
)

_C = tables.executions.c
_COLUMNS: dict[ExecutionField, sa.ColumnElement[str]] = {
    ExecutionField.ID: _C.id,
    ExecutionField.NAMESPACE: _C.namespace,
    ExecutionField.FLOW_ID: _C.flow_id,
    ExecutionField.STATE: _C.state,
    ExecutionField.KIND: _C.kind,
    ExecutionField.PARENT_ID: _C.parent_id,
    ExecutionField.CALLER_ID: _C.caller_id,
    ExecutionField.TRIGGER_ID: _C.trigger_id,
}
_DATES = {DateField.STARTED_AT: _C.started_at, DateField.ENDED_AT: _C.ended_at}
_NEGATIVE = frozenset({Comparison.NOT_EQUALS, Comparison.NOT_IN})


def column_of(field: ExecutionField) -> sa.ColumnElement[str]:
    """The column of a field. Raises ``ValueError`` for one that has none."""
    if field not in _COLUMNS:
        raise ValueError(f"{field} has no column")
    return _COLUMNS[field]


def condition_of(tree: Filter, dialect: Dialect) -> Condition:
    """A tree as one condition. Raises ``ValueError`` for a comparison that a field does not have."""
    match tree:
        case All():
            return sa.and_(sa.true(), *(condition_of(part, dialect) for part in tree.parts))
        case Some():
            return sa.or_(sa.false(), *(condition_of(part, dialect) for part in tree.parts))
        case Present():
            column = _COLUMNS[tree.field]
            return column.is_not(None) if tree.is_present else column.is_(None)
        case Dated():
            return ORDERS[tree.comparison](_DATES[tree.field], to_micros(tree.at))
        case Match():
            return _match(tree, dialect)


def _match(match: Match, dialect: Dialect) -> Condition:
    if match.comparison in _NEGATIVE:
        positive = Match(match.field, Comparison.IN, match.values)
        return sa.not_(_match(positive, dialect))
    if match.field is ExecutionField.LABELS:
        needles = [label_needle(_label(value)) for value in match.values]
        return sa.or_(sa.false(), *(dialect.contains(_C.labels, needle) for needle in needles))
    if match.field is ExecutionField.TEXT:
        return sa.or_(
            sa.false(), *(contains_any_case((_C.id, _C.flow_id, _C.namespace), value) for value in match.values)
        )
    if match.comparison in {Comparison.EQUALS, Comparison.IN}:
        return _one_of(match.field, [storable(value) for value in match.values])
    if match.comparison not in TEXTS:
        raise ValueError(f"{match.field} cannot be compared with {match.comparison}")
    return _known(TEXTS[match.comparison](_COLUMNS[match.field], storable(match.values[0])), match.field)


def _one_of(field: ExecutionField, values: list[str]) -> Condition:
    found = _known(_COLUMNS[field].in_(values), field)
    if field is ExecutionField.STATE and values and TERMINATED.isdisjoint(values):
        return sa.and_(found, _C.open)  # lets the small index of open rows answer
    if field is ExecutionField.PARENT_ID:
        of_loop = sa.and_(_C.kind == "LOOP", _known(_C.caller_id.in_(values), ExecutionField.CALLER_ID))
        return sa.or_(found, of_loop)
    return found


def _known(condition: Condition, field: ExecutionField) -> Condition:
    """False instead of NULL where the column may be empty, so that a negation of it holds there."""
    column = _COLUMNS[field]
    return sa.and_(column.is_not(None), condition) if column.nullable else condition


def _label(text: str) -> Label:
    key, _, value = text.partition(":")
    return Label(key, value)
