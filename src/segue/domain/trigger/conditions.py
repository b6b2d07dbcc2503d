"""Conditions of triggers: ``when`` of 2.0 and the list of 1.x (flow language 12.9, 13).

A condition is asked with ``render``, which takes a text and further roots of its context, and with the flow
that owns the trigger and, for flow triggers and listeners, the execution that may start it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, time
from typing import Any

import msgspec

from segue.domain.errors import SegueError
from segue.domain.flow.triggers import Condition, Trigger
from segue.domain.labels import Label, parse_labels

Render = Callable[[str, Mapping[str, Any]], str | None]

_DEFAULT_DATE = "{{ trigger.date }}"
_DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
_WEEKS = {"FIRST": 0, "SECOND": 1, "THIRD": 2, "FOURTH": 3}
_HOLIDAY = "{{ isPublicHoliday(date, country, subDivision) }}"


class ConditionError(SegueError):
    """A condition cannot be answered."""


class ExecutionView(msgspec.Struct, frozen=True):
    """What conditions see of an execution. ``outputs`` are those of its flow.

    ``retried`` are the states of all attempts of those of its task runs that have more than one.
    """

    namespace: str
    flow_id: str
    state: str
    labels: tuple[Label, ...] = ()
    outputs: Mapping[str, Any] = {}
    retried: frozenset[str] = frozenset()


class Subject(msgspec.Struct, frozen=True):
    """Whom the conditions are asked about: the flow that owns the trigger, and the execution of another that may
    start it, or of its own for a listener."""

    namespace: str
    flow_id: str
    execution: ExecutionView | None = None


def holds(trigger: Trigger, render: Render, subject: Subject, is_truthy: Callable[[str | None], bool]) -> bool:
    """Whether ``when`` and all conditions of the trigger hold.

    Raises ``ConditionError`` for conditions that cannot be answered, and whatever ``render`` raises.
    """
    if trigger.when is not None and not is_truthy(render(trigger.when, {})):
        return False
    return all_hold(trigger.conditions, render, subject)


def all_hold(conditions: Iterable[Condition], render: Render, subject: Subject) -> bool:
    """Whether every one of the 1.x conditions holds."""
    return all(_holds(item.type, item.properties, render, subject) for item in conditions)


def _holds(type_name: str, properties: Mapping[str, Any], render: Render, subject: Subject) -> bool:
    name = type_name.rpartition(".")[2].removesuffix("Condition")
    test = _TESTS.get(name)
    if test is None:
        raise ConditionError(f"condition {type_name[:200]} cannot be used on this trigger")
    return test(properties, render, subject)


def _nested(properties: Mapping[str, Any], render: Render, subject: Subject) -> Iterable[bool]:
    for item in properties.get("conditions") or ():
        if not isinstance(item, Mapping) or not isinstance(item.get("type"), str):
            raise ConditionError("a condition needs a type")
        yield _holds(item["type"], item, render, subject)


def _not(properties: Mapping[str, Any], render: Render, subject: Subject) -> bool:
    return not any(_nested(properties, render, subject))


def _or(properties: Mapping[str, Any], render: Render, subject: Subject) -> bool:
    return any(_nested(properties, render, subject))


def _expression(properties: Mapping[str, Any], render: Render, _: Subject) -> bool:
    text = (render(str(properties.get("expression", "")), {}) or "").strip()
    return text not in {"", "false"}


def _text(properties: Mapping[str, Any], name: str, render: Render, default: str | None = None) -> str | None:
    value = properties.get(name, default)
    return None if value is None else (render(str(value), {}) or "").strip()


def _date(properties: Mapping[str, Any], render: Render) -> datetime:
    return _moment(_text(properties, "date", render, _DEFAULT_DATE) or "")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConditionError(f"'{text[:100]}' is no date") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _clock(text: str) -> time:
    try:
        return time.fromisoformat(text)
    except ValueError:
        raise ConditionError(f"'{text[:100]}' is no time of day") from None


def _bounds(properties: Mapping[str, Any], render: Render) -> tuple[str | None, str | None]:
    after, before = (_text(properties, name, render) or None for name in ("after", "before"))
    if after is None and before is None:
        raise ConditionError("a condition between two times needs 'after' or 'before'")
    return after, before


def _date_time_between(properties: Mapping[str, Any], render: Render, _: Subject) -> bool:
    date = _date(properties, render)
    after, before = _bounds(properties, render)
    return (after is None or date > _moment(after)) and (before is None or date < _moment(before))


def _time_between(properties: Mapping[str, Any], render: Render, _: Subject) -> bool:
    date = _date(properties, render)
    after, before = _bounds(properties, render)
    is_after = after is None or _at(date, after) < date
    is_before = before is None or date < _at(date, before)
    if after is not None and before is not None and _at(date, before) < _at(date, after):
        return is_after or is_before  # over midnight
    return is_after and is_before


def _at(date: datetime, text: str) -> datetime:
    """The time of day ``text`` on the day of ``date``, in the zone of ``text`` or that of ``date``."""
    clock = _clock(text)
    zone = clock.tzinfo or date.tzinfo
    return datetime.combine(date.astimezone(zone).date(), clock.replace(tzinfo=None), zone)


def _day_week(properties: Mapping[str, Any], render: Render, _: Subject) -> bool:
    return _DAYS[_date(properties, render).weekday()] == (_text(properties, "dayOfWeek", render) or "").upper()


def _day_week_in_month(properties: Mapping[str, Any], render: Render, subject: Subject) -> bool:
    date = _date(properties, render)
    which = (_text(properties, "dayInMonth", render) or "").upper()
    if not _day_week(properties, render, subject):
        return False
    if which == "LAST":
        following = date.day + 7
        try:
            date.replace(day=following)
        except ValueError:
            return True
        return False
    return (date.day - 1) // 7 == _WEEKS.get(which)


def _weekend(properties: Mapping[str, Any], render: Render, _: Subject) -> bool:
    return _date(properties, render).weekday() >= _DAYS.index("SATURDAY")


def _public_holiday(properties: Mapping[str, Any], render: Render, _: Subject) -> bool:
    roots = {
        "date": _date(properties, render).isoformat(),
        "country": _text(properties, "country", render),
        "subDivision": _text(properties, "subDivision", render),
    }
    return render(_HOLIDAY, roots) == "true"


def _flow(properties: Mapping[str, Any], render: Render, subject: Subject) -> bool:
    wanted = _text(properties, "namespace", render), _text(properties, "flowId", render)
    return wanted == (subject.namespace, subject.flow_id)


def _namespace(properties: Mapping[str, Any], render: Render, subject: Subject) -> bool:
    return _is_namespace(properties, render, subject.namespace)


def _is_namespace(properties: Mapping[str, Any], render: Render, namespace: str) -> bool:
    wanted = _text(properties, "namespace", render) or ""
    comparison = (_text(properties, "comparison", render) or "").upper()
    if not comparison:
        prefix = _text(properties, "prefix", render) or ""
        comparison = "PREFIX" if prefix.lower() == "true" else "EQUALS"
    if comparison == "PREFIX":
        return namespace.startswith(wanted)
    if comparison == "SUFFIX":
        return namespace.endswith(wanted)
    return namespace == wanted


def _execution(subject: Subject) -> ExecutionView:
    if subject.execution is None:
        raise ConditionError("Invalid condition with null execution")
    return subject.execution


def _execution_flow(properties: Mapping[str, Any], render: Render, subject: Subject) -> bool:
    execution = subject.execution or subject
    wanted = _text(properties, "namespace", render), _text(properties, "flowId", render)
    return wanted == (execution.namespace, execution.flow_id)


def _execution_namespace(properties: Mapping[str, Any], render: Render, subject: Subject) -> bool:
    return _is_namespace(properties, render, (subject.execution or subject).namespace)


def _names(properties: Mapping[str, Any], name: str, render: Render) -> frozenset[str]:
    value = properties.get(name)
    items: Sequence[Any] = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    texts = ((render(str(item), {}) or "").strip().upper() for item in items if item is not None)
    return frozenset(text for text in texts if text)


def _execution_status(properties: Mapping[str, Any], render: Render, subject: Subject) -> bool:
    state = _execution(subject).state
    wanted, unwanted = (_names(properties, name, render) for name in ("in", "notIn"))
    return (not wanted or state in wanted) and state not in unwanted


def _execution_labels(properties: Mapping[str, Any], _: Render, subject: Subject) -> bool:
    try:
        wanted = parse_labels(properties.get("labels"))
    except ValueError as error:
        raise ConditionError(str(error)) from None
    return set(wanted) <= set(_execution(subject).labels)


def _execution_outputs(properties: Mapping[str, Any], render: Render, subject: Subject) -> bool:
    execution = _execution(subject)
    if not execution.outputs:
        return False
    text = render(str(properties.get("expression", "")), {"trigger": {"outputs": execution.outputs}}) or ""
    return text.strip() not in {"", "false"}


def _has_retry_attempt(properties: Mapping[str, Any], render: Render, subject: Subject) -> bool:
    retried = _execution(subject).retried
    wanted, unwanted = (_names(properties, name, render) for name in ("in", "notIn"))
    return bool(retried) and (not wanted or bool(retried & wanted)) and not retried & unwanted


_TESTS: dict[str, Callable[[Mapping[str, Any], Render, Subject], bool]] = {
    "DateTimeBetween": _date_time_between,
    "TimeBetween": _time_between,
    "DayWeek": _day_week,
    "DayWeekInMonth": _day_week_in_month,
    "Weekend": _weekend,
    "PublicHoliday": _public_holiday,
    "Expression": _expression,
    "Variable": _expression,
    "ExecutionFlow": _execution_flow,
    "ExecutionLabels": _execution_labels,
    "ExecutionNamespace": _execution_namespace,
    "ExecutionOutputs": _execution_outputs,
    "ExecutionStatus": _execution_status,
    "Flow": _flow,
    "FlowNamespace": _namespace,
    "HasRetryAttempt": _has_retry_attempt,
    "Not": _not,
    "Or": _or,
}
"""Tests by class name without the suffix ``Condition`` of the old names."""
