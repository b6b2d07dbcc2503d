"""Which release a flow is written for, and the warnings where that matters."""

from __future__ import annotations

import pytest

from segue.domain.flow import TypeCatalogue, parse_flow
from segue.expr import Dialect

HEAD = "id: f\nnamespace: a.b\n"
LOG = "io.kestra.plugin.core.log.Log"
AMBIGUOUS = "{{ trigger.date ?? execution.startDate | date }}"
FLOW = f'{HEAD}tasks:\n  - id: t\n    type: {LOG}\n    message: "{AMBIGUOUS}"\n'
LOOP = "tasks:\n  - id: l\n    type: io.kestra.plugin.core.flow.{}\n    values: [a]\n    tasks:\n      - id: t\n"


@pytest.mark.parametrize(
    ("source", "dialect"),
    [
        (FLOW, None),
        (FLOW + "    runIf: 'true'\n", None),
        (FLOW + "    when: 'true'\n", Dialect.V2),
        (FLOW + "    workerGroup: {key: a}\n", Dialect.V1),
        (FLOW + "    workerSelector: {tags: [a]}\n", Dialect.V2),
        (FLOW + "    workerGroup: {key: a}\n    when: 'true'\n", None),
        (FLOW + "taskDefaults:\n  - type: a\n    values: {k: 1}\n", Dialect.V1),
        (FLOW + "policyRefs: [p]\n", Dialect.V2),
        (FLOW + "inputs:\n  - id: i\n    type: BOOLEAN\n", Dialect.V1),
        (FLOW + "inputs:\n  - id: i\n    type: FORM\n    inputs: [{id: j, type: STRING}]\n", Dialect.V2),
        (FLOW + "checks:\n  - when: 'true'\n    message: m\n", Dialect.V2),
        (FLOW + "checks:\n  - condition: 'true'\n    message: m\n", None),
        (HEAD + LOOP.format("ForEach") + f"        type: {LOG}\n        message: x\n", Dialect.V1),
        (HEAD + LOOP.format("Loop") + f"        type: {LOG}\n        message: x\n", Dialect.V2),
        (
            FLOW + "triggers:\n  - id: s\n    type: io.kestra.plugin.core.trigger.Schedule\n    cron: '* * * * *'\n"
            "    when: 'true'\n",
            Dialect.V2,
        ),
        (
            FLOW + "triggers:\n  - id: s\n    type: io.kestra.plugin.core.trigger.Schedule\n    cron: '* * * * *'\n"
            "    conditions: [{type: io.kestra.plugin.core.condition.Weekend}]\n",
            Dialect.V1,
        ),
    ],
)
@pytest.mark.parametrize("strict", [True, False])
def test_the_constructs_of_a_flow_choose(
    source: str, dialect: Dialect | None, strict: bool, catalogue: TypeCatalogue
) -> None:
    assert parse_flow(source, catalogue, strict=strict).dialect is dialect


@pytest.mark.parametrize(
    ("more", "default", "used", "reason"),
    [
        ("", Dialect.V2, "2.0", "as the server is set"),
        ("", Dialect.V1, "1.x", "as the server is set"),
        ("    workerGroup: {key: a}\n", Dialect.V2, "1.x", "because of its other properties and types"),
        ("    when: 'true'\n", Dialect.V1, "2.0", "because of its other properties and types"),
    ],
)
def test_a_difference_is_a_warning_with_both_readings(
    more: str, default: Dialect, used: str, reason: str, catalogue: TypeCatalogue
) -> None:
    report = parse_flow(FLOW + more, catalogue, default_dialect=default)
    assert not report.violations
    assert list(report.warnings) == [
        (
            f"tasks[0].message: 1.x and 2.0 read `{AMBIGUOUS}` differently: "
            "1.x as `(trigger.date ?? execution.startDate) | date`, "
            "2.0 as `trigger.date ?? (execution.startDate | date)`. "
            f"This flow is read as {used}, {reason}; brackets make it the same in both. (line 6)"
        )
    ]


def test_every_text_of_the_flow_is_looked_at(catalogue: TypeCatalogue) -> None:
    source = f"""{HEAD}description: "{{{{ a ?? b | f }}}}"
variables:
  deep:
    - "{{{{ a ?? b | f }}}}"
outputs:
  - id: o
    type: STRING
    value: "{{{{ a ?? b ~ c }}}}"
tasks:
  - id: t
    type: {LOG}
    runIf: "{{{{ 1 + a ?? 2 }}}}"
    message: |
      one
      {{{{ x == a ?? b }}}}
"""
    warnings = parse_flow(source, catalogue).warnings
    assert [text.partition(":")[0] for text in warnings] == [
        "variables.deep[0]",
        "outputs[0].value",
        "tasks[0].runIf",
        "tasks[0].message",
    ]
    assert "(line 2 of the text)" in warnings[-1]
    assert warnings[-1].endswith("(line 15)")


def test_stored_flows_are_not_looked_at_again(catalogue: TypeCatalogue) -> None:
    assert parse_flow(FLOW, catalogue, strict=False).warnings == ()
