"""Conditions of triggers, 1.x and 2.0."""

from collections.abc import Mapping
from typing import Any

import pytest

from segue.domain.flow.triggers import Condition, Trigger
from segue.domain.trigger.conditions import ConditionError, Subject, all_hold, holds
from segue.expr import Engine, is_truthy

SUBJECT = Subject("company.team", "hello")
ENGINE = Engine()


def render(text: str, roots: Mapping[str, Any]) -> str | None:
    """Render with a trigger that fired on Friday, 30 January 2026, at 10 in the morning."""
    return ENGINE.render(text, {"trigger": {"date": "2026-01-30T10:00:00Z", "empty": ""}, **roots})


def ask(name: str, **properties: Any) -> bool:
    """Whether the condition of this name holds."""
    kind = name if "." in name else f"io.kestra.plugin.core.condition.{name}"
    return all_hold([Condition.model_validate({"type": kind, **properties})], render, SUBJECT)


TRUE = {"type": "io.kestra.plugin.core.condition.Expression", "expression": "{{ 1 == 1 }}"}
FALSE = {"type": "io.kestra.plugin.core.condition.Expression", "expression": "{{ 1 == 2 }}"}


@pytest.mark.parametrize(
    ("name", "properties", "answer"),
    [
        ("Expression", {"expression": "{{ 1 == 1 }}"}, True),
        ("Expression", {"expression": " false "}, False),
        ("Expression", {"expression": "  "}, False),
        ("Expression", {"expression": "0"}, True),
        ("io.kestra.core.models.conditions.types.VariableCondition", {"expression": "x"}, True),
        ("DayWeek", {"dayOfWeek": "FRIDAY"}, True),
        ("DayWeek", {"dayOfWeek": "MONDAY"}, False),
        ("DayWeek", {"date": "2026-02-02", "dayOfWeek": "monday"}, True),
        ("DayWeekInMonth", {"dayOfWeek": "FRIDAY", "dayInMonth": "LAST"}, True),
        ("DayWeekInMonth", {"dayOfWeek": "FRIDAY", "dayInMonth": "FIRST"}, False),
        ("DayWeekInMonth", {"date": "2026-01-02", "dayOfWeek": "FRIDAY", "dayInMonth": "FIRST"}, True),
        ("DayWeekInMonth", {"date": "2026-01-23", "dayOfWeek": "FRIDAY", "dayInMonth": "LAST"}, False),
        ("DayWeekInMonth", {"date": "2026-01-23", "dayOfWeek": "FRIDAY", "dayInMonth": "FOURTH"}, True),
        ("Weekend", {}, False),
        ("Weekend", {"date": "2026-01-31"}, True),
        ("DateTimeBetween", {"after": "2026-01-01T00:00:00Z"}, True),
        ("DateTimeBetween", {"before": "2026-01-30T10:00:00Z"}, False),
        ("DateTimeBetween", {"after": "2026-01-30T09:59:00Z", "before": "2026-01-30T12:30:00+02:00"}, True),
        ("TimeBetween", {"after": "09:00:00Z", "before": "11:00:00Z"}, True),
        ("TimeBetween", {"after": "12:30:00+02:00"}, False),
        ("TimeBetween", {"after": "11:30:00+02:00"}, True),
        ("ExecutionFlow", {"namespace": "company.team", "flowId": "hello"}, True),
        ("FlowCondition", {"namespace": "company.team", "flowId": "other"}, False),
        ("ExecutionNamespace", {"namespace": "company"}, False),
        ("ExecutionNamespace", {"namespace": "company", "comparison": "PREFIX"}, True),
        ("ExecutionNamespace", {"namespace": "team", "comparison": "SUFFIX"}, True),
        ("FlowNamespaceCondition", {"namespace": "company", "prefix": True}, True),
        ("Not", {"conditions": [FALSE, FALSE]}, True),
        ("Not", {"conditions": [FALSE, TRUE]}, False),
        ("Or", {"conditions": [FALSE, TRUE]}, True),
        ("Or", {"conditions": [FALSE]}, False),
        ("Or", {"conditions": [{"type": "Not", "conditions": [FALSE]}]}, True),
    ],
)
def test_each_condition(name: str, properties: dict[str, Any], answer: bool) -> None:
    assert ask(name, **properties) is answer


@pytest.mark.parametrize(
    ("name", "properties"),
    [
        ("ExecutionStatus", {"in": ["FAILED"]}),
        ("DateTimeBetween", {}),
        ("DateTimeBetween", {"after": "soon"}),
        ("TimeBetween", {"after": "late"}),
        ("Weekend", {"date": "{{ trigger.empty }}"}),
        ("Not", {"conditions": ["x"]}),
    ],
)
def test_what_cannot_be_answered_is_said(name: str, properties: dict[str, Any]) -> None:
    with pytest.raises(ConditionError):
        ask(name, **properties)


@pytest.mark.parametrize(
    ("when", "condition", "answer"),
    [(None, TRUE, True), ("{{ 0 }}", TRUE, False), ("{{ true }}", FALSE, False), ("yes", TRUE, True)],
)
def test_when_and_conditions_must_both_hold(when: str | None, condition: dict[str, Any], answer: bool) -> None:
    trigger = Trigger.model_validate({"id": "t", "type": "a.T", "when": when, "conditions": [condition]})
    assert holds(trigger, render, SUBJECT, is_truthy) is answer
