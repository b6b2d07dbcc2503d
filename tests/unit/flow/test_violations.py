"""Every fault is named with its place, and all of them at once."""

from __future__ import annotations

import pytest

from segue.domain.errors import FlowInvalidError
from segue.domain.flow import TypeCatalogue, parse_flow

HEAD = "id: f\nnamespace: a.b\n"
TASKS = "tasks:\n  - id: t\n    type: a.T\n"
FLOW = "io.kestra.plugin.core.flow."
TRIGGER = "io.kestra.plugin.core.trigger."


def task(properties: str) -> str:
    return f"{HEAD}tasks:\n  - id: t\n    {properties}\n"


CASES = {
    "missing id": ("namespace: a.b\n" + TASKS, "id: must not be null", 1),
    "bad id": ("id: a#b\nnamespace: a.b\n" + TASKS, 'id: must match "^[a-zA-Z0-9][a-zA-Z0-9._-]*$"', 1),
    "long id": (f"id: {'x' * 101}\nnamespace: a.b\n" + TASKS, "id: must have at most 100 characters", 1),
    "bad namespace": ("id: f\nnamespace: A\n" + TASKS, 'namespace: must match "^[a-z0-9][a-z0-9._-]*$"', 2),
    "reserved id": (
        "id: executions\nnamespace: a.b\n" + TASKS,
        "id: 'executions' is a reserved id, append for example -flow",
        1,
    ),
    "end in no state": (
        task("type: io.kestra.plugin.core.execution.Exit\n    state: NOPE"),
        "tasks[0].state: must be one of SUCCESS, WARNING, FAILED, CANCELLED, KILLED",
        6,
    ),
    "fewer than none side by side": (
        task(f"type: {FLOW}Parallel\n    concurrent: -1\n    tasks: [{{id: a, type: a.T}}]"),
        "tasks[0].concurrent: must be greater than or equal to 0",
        6,
    ),
    "unknown property": (HEAD + TASKS + "foo: 1\n", 'foo: Unrecognized field "foo"', 6),
    "python spelling": (HEAD + "plugin_defaults: []\n" + TASKS, 'Unrecognized field "plugin_defaults"', 3),
    "no tasks": (HEAD + "tasks: []\n", "tasks: must not be empty", 3),
    "tasks no list": (HEAD + "tasks: x\n", "tasks: must be a list", 3),
    "task no map": (HEAD + "tasks: [1]\n", "tasks[0]: must be an object", 3),
    "task without id": (HEAD + "tasks:\n  - type: a.T\n", "tasks[0].id: must not be null", 4),
    "task without type": (HEAD + "tasks:\n  - id: t\n", "tasks[0].type: must not be null", 4),
    "bad type name": (task("type: 'a b'"), "tasks[0].type: must match", 5),
    "unknown type": (task("type: b.Nope"), "tasks[0].type: Invalid type: b.Nope", 5),
    "plugin property": (
        task("type: io.kestra.plugin.core.log.Log\n    message: x\n    bad: 1"),
        'tasks[0].bad: Unrecognized field "bad"',
        7,
    ),
    "plugin property missing": (
        task("type: io.kestra.plugin.core.log.Log"),
        "tasks[0].message: must not be null",
        4,
    ),
    "bad duration": (
        task("type: a.T\n    timeout: ten minutes"),
        "tasks[0].timeout: 'ten minutes' is not",
        6,
    ),
    "bad level": (task("type: a.T\n    logLevel: LOUD"), "tasks[0].logLevel: must be one of 'TRACE'", 6),
    "retry of no kind": (task("type: a.T\n    retry: {type: x}"), "retry.type: Invalid type: x", 6),
    "retry without kind": (task("type: a.T\n    retry: {}"), "tasks[0].retry.type: must not be null", 6),
    "constant retry": (
        task("type: a.T\n    retry: {type: constant, interval: PT10S, maxDuration: PT5S}"),
        "tasks[0].retry: 'interval' must be less than 'maxDuration'",
        6,
    ),
    "exponential retry": (
        task("type: a.T\n    retry: {type: exponential, interval: PT10S, maxInterval: PT5S}"),
        "tasks[0].retry: 'interval' must be less than 'maxInterval'",
        6,
    ),
    "random retry": (
        task("type: a.T\n    retry: {type: random, minInterval: PT9S, maxInterval: PT5S}"),
        "tasks[0].retry: 'minInterval' must be less than 'maxInterval'",
        6,
    ),
    "selector without tags": (
        task("type: a.T\n    workerSelector: {fallback: WAIT}"),
        "tasks[0].workerSelector: 'fallback' cannot be set without 'tags'",
        6,
    ),
    "assets": (
        task("type: a.T\n    assets: {}"),
        "Task 't' can't have any `assets` because assets are only available in Enterprise Edition.",
        6,
    ),
    "duplicate tasks anywhere": (
        task(f"type: {FLOW}Sequential\n    tasks: [{{id: t, type: a.T}}]"),
        "tasks[0].tasks[0].id: Duplicate task id with name [t]",
        6,
    ),
    "duplicate triggers": (
        HEAD + TASKS + "triggers:\n  - {id: x, type: a.X}\n  - {id: x, type: a.X}\n",
        "triggers[1].id: Duplicate trigger id with name [x]",
        8,
    ),
    "recursion": (
        task(f"type: {FLOW}Subflow\n    namespace: a.b\n    flowId: f"),
        "Recursive call to flow [a.b.f]",
        7,
    ),
    "If without condition": (
        task(f"type: {FLOW}If\n    then: [{{id: x, type: a.T}}]"),
        "tasks[0].condition: must not be null",
        4,
    ),
    "Switch without tasks": (
        task(f"type: {FLOW}Switch\n    value: x"),
        "tasks[0]: No task defined, neither cases or default have any tasks",
        4,
    ),
    "Dag with unknown dependency": (
        task(f"type: {FLOW}Dag\n    tasks: [{{task: {{id: x, type: a.T}}, dependsOn: [y]}}]"),
        "Not existing task id in dag dependencies: y",
        4,
    ),
    "cyclic Dag": (
        task(f"type: {FLOW}Dag\n    tasks: [{{task: {{id: x, type: a.T}}, dependsOn: [x]}}]"),
        "Cyclic dependency detected: x",
        4,
    ),
    "Dag with both, and a task after the cycle": (
        task(
            f"type: {FLOW}Dag\n    tasks:\n      - {{task: {{id: x, type: a.T}}, dependsOn: [y, q]}}\n"
            "      - {task: {id: y, type: a.T}, dependsOn: [x]}\n      - {task: {id: z, type: a.T}, dependsOn: [y]}"
        ),
        "Not existing task id in dag dependencies: q, Cyclic dependency detected: x, y",
        4,
    ),
    "Exit in no end": (
        task("type: io.kestra.plugin.core.execution.Exit\n    state: RUNNING"),
        "tasks[0].state: must be one of SUCCESS, WARNING, FAILED, CANCELLED, KILLED, CANCELED",
        6,
    ),
    "empty WorkingDirectory": (
        task(f"type: {FLOW}WorkingDirectory"),
        "The 'tasks' property cannot be empty",
        4,
    ),
    "flowable in WorkingDirectory": (
        task(f"type: {FLOW}WorkingDirectory\n    tasks: [{{id: p, type: {FLOW}Pause}}]"),
        "Only runnable tasks are allowed as children of a WorkingDirectory task",
        4,
    ),
    "flowable and routing in WorkingDirectory": (
        task(
            f"type: {FLOW}WorkingDirectory\n    tasks:\n      - {{id: p, type: {FLOW}Pause}}\n"
            "      - {id: q, type: a.T, workerSelector: {tags: [gpu]}}"
        ),
        "as children of a WorkingDirectory task, Cannot set a Worker Group in any WorkingDirectory sub-tasks",
        4,
    ),
    "fault deep in a case": (
        task(f"type: {FLOW}Switch\n    value: x\n    cases:\n      a b:\n        - {{id: x}}"),
        "tasks[0].cases.a b[0].type: must not be null",
        9,
    ),
    "system label": (
        HEAD + TASKS + "labels:\n  system.x: y\n",
        "System labels can only be set by Kestra itself, offending label: system.x=y",
        7,
    ),
    "label key": (HEAD + TASKS + "labels: {Team: y}\n", "labels.Team: Invalid label key.", 6),
    "label value": (HEAD + TASKS + "labels: {team: ''}\n", "labels.team: Invalid label value.", 6),
    "label shape": (HEAD + TASKS + "labels: [x]\n", "labels: every label of a list needs", 6),
    "concurrency": (
        HEAD + TASKS + "concurrency: {limit: 0}\n",
        "concurrency.limit: must be greater than or equal to 1",
        6,
    ),
    "quotas": (
        HEAD + TASKS + "quotas: [{duration: PT1H, limit: 1}]\n",
        "Quotas are only available in Enterprise Edition.",
        6,
    ),
    "plugin default of null": (
        HEAD + TASKS + "pluginDefaults: [{type: a, values: {k: null}}]\n",
        "No value provided for key 'k'",
        6,
    ),
    "input without type": (HEAD + "inputs: [{id: x}]\n" + TASKS, "inputs[0].type: must not be null", 3),
    "input of no type": (
        HEAD + "inputs: [{id: x, type: NO}]\n" + TASKS,
        "inputs[0].type: Invalid type: NO",
        3,
    ),
    "input id": (HEAD + "inputs: [{id: a b, type: INT}]\n" + TASKS, "inputs[0].id: must match", 3),
    "array of arrays": (
        HEAD + "inputs: [{id: x, type: ARRAY, itemType: ARRAY}]\n" + TASKS,
        "inputs[0]: Input 'x': `itemType` cannot be `ARRAY`",
        3,
    ),
    "select of nothing": (
        HEAD + "inputs: [{id: x, type: SELECT}]\n" + TASKS,
        "Input 'x': either 'values' or 'expression' must be present",
        3,
    ),
    "prefill and defaults": (
        HEAD + "inputs: [{id: x, type: INT, defaults: 1, prefill: 2}]\n" + TASKS,
        "'prefill' cannot be combined with 'defaults'",
        3,
    ),
    "bad validator": (
        HEAD + "inputs: [{id: x, type: STRING, validator: '('}]\n" + TASKS,
        "inputs[0].validator: `(` is not a valid pattern",
        3,
    ),
    "duplicate inputs": (
        HEAD + "inputs:\n  - {id: x, type: INT}\n  - {id: x, type: INT}\n" + TASKS,
        "inputs[1].id: Duplicate input with name [x]",
        5,
    ),
    "duplicate input path": (
        HEAD + "inputs:\n  - {id: a.x, type: INT}\n  - {id: a, type: FORM, inputs: [{id: x, type: INT}]}\n" + TASKS,
        "inputs[1].inputs[0].id: Duplicate input path [a.x]",
        5,
    ),
    "nested input path": (
        HEAD + "inputs:\n  - {id: a, type: INT}\n  - {id: a.b, type: INT}\n" + TASKS,
        "Input path 'a' conflicts with 'a.b'; one cannot be nested under the other.",
        5,
    ),
    "unknown dependency": (
        HEAD + "inputs: [{id: x, type: INT, dependsOn: {inputs: [y]}}]\n" + TASKS,
        "Input with id 'x' depends on a non-existent input 'y'.",
        3,
    ),
    "cyclic dependency": (
        HEAD
        + "inputs:\n  - {id: x, type: INT, dependsOn: {inputs: [y]}}\n"
        + "  - {id: y, type: INT, dependsOn: {inputs: [x]}}\n"
        + TASKS,
        "Cycle dependency detected for input with id 'x': [x, y]",
        4,
    ),
    "shared inputs": (
        HEAD + "inputs: [{id: x, type: REUSABLE_INPUTS, ref: r}]\n" + TASKS,
        "Input 'x' of type REUSABLE_INPUTS is only available in Enterprise Edition.",
        3,
    ),
    "default that does not fit": (
        HEAD + "inputs: [{id: x, type: INT, defaults: abc}]\n" + TASKS,
        "Invalid default for input 'x': `abc` is not a valid INT value",
        3,
    ),
    "default out of bounds": (
        HEAD + "inputs: [{id: x, type: INT, defaults: 1, min: 2}]\n" + TASKS,
        "Invalid default for input 'x': it must be more than `2`",
        3,
    ),
    "secret default is not shown": (
        HEAD + "inputs: [{id: x, type: SECRET, defaults: [hidden]}]\n" + TASKS,
        "Invalid default for input 'x': `******` is not a valid SECRET value",
        3,
    ),
    "schedule without inputs": (
        HEAD
        + "inputs: [{id: x, type: INT}, {id: y, type: INT, required: false}]\n"
        + TASKS
        + f"triggers:\n  - id: s\n    type: {TRIGGER}Schedule\n    cron: '* * * * *'\n",
        "Missing inputs for Schedule Trigger 's', missing inputs: 'x'",
        8,
    ),
    "webhook with a misfit": (
        HEAD
        + "inputs: [{id: x, type: INT}]\n"
        + TASKS
        + f"triggers:\n  - id: w\n    type: {TRIGGER}Webhook\n    key: k\n    inputs: {{x: abc}}\n",
        "Invalid value for input 'x' supplied by Webhook Trigger 'w': `abc` is not a valid INT value",
        11,
    ),
    "webhook returning outputs at once": (
        HEAD + TASKS + f"triggers:\n  - {{id: w, type: {TRIGGER}Webhook, key: k, returnOutputs: true}}\n",
        "triggers[0]: 'returnOutputs' needs 'wait: true'",
        7,
    ),
    "zone": (
        HEAD + TASKS + f"triggers:\n  - {{id: s, type: {TRIGGER}Schedule, cron: '* * * * *', timezone: X/Y}}\n",
        "triggers[0].timezone: 'X/Y' is not a valid time-zone ID",
        7,
    ),
    "at least nothing": (
        HEAD + TASKS + f"triggers:\n  - {{id: s, type: {TRIGGER}Flow, mode: AT_LEAST, dependsOn: [{{flowId: x}}]}}\n",
        "triggers[0]: 'minSatisfied' is required for mode AT_LEAST",
        7,
    ),
    "two windows": (
        HEAD + TASKS + f"triggers:\n  - {{id: s, type: {TRIGGER}Flow, window: {{every: P1D, lookback: P1D}}}}\n",
        "triggers[0].window: only one of",
        7,
    ),
    "unknown trigger": (
        HEAD + TASKS + "triggers: [{id: s, type: b.X}]\n",
        "triggers[0].type: Invalid type: b.X",
        6,
    ),
    "unknown condition": (
        HEAD + TASKS + f"triggers:\n  - id: s\n    type: {TRIGGER}Flow\n    conditions: [{{type: b.C}}]\n",
        "triggers[0].conditions[0].type: Invalid type: b.C",
        9,
    ),
    "duplicate outputs": (
        HEAD + TASKS + "outputs:\n  - {id: o, type: INT, value: 1}\n  - {id: o, type: INT, value: 1}\n",
        "outputs[1].id: Duplicate output with name [o]",
        8,
    ),
    "output that does not fit": (
        HEAD + TASKS + "outputs:\n  - {id: o, type: INT, value: abc}\n",
        "Invalid value for output 'o': `abc` is not a valid INT value",
        7,
    ),
    "dashed input": (
        HEAD + "inputs: [{id: a-b, type: INT}]\n" + task("type: a.T\n    x: ['{{ inputs.a-b }}']")[len(HEAD) :],
        "keys with hyphens need brackets, offending tasks: [t]",
        5,
    ),
    "dashed output": (
        HEAD + TASKS + "outputs: [{id: o, type: STRING, value: '{{ outputs.t-1.x }}'}]\n",
        "Invalid output reference",
        6,
    ),
    "sla": (
        HEAD + TASKS + "sla: [{id: x, type: MAX_DURATION, behavior: FAIL}]\n",
        "sla[0].duration: must not be null",
        6,
    ),
}


@pytest.mark.parametrize(("text", "fault", "line"), CASES.values(), ids=CASES.keys())
def test_fault_is_reported_with_its_place(text: str, fault: str, line: int, catalogue: TypeCatalogue) -> None:
    report = parse_flow(text, catalogue)
    found = [violation for violation in report.violations if fault in str(violation)]
    assert len(found) == 1, [str(violation) for violation in report.violations]
    assert found[0].line == line
    assert report.message is not None
    assert report.message.startswith("Invalid Flow: ")
    with pytest.raises(FlowInvalidError):
        report.valid_flow()


def test_all_faults_are_found_at_once_in_the_order_of_the_text(catalogue: TypeCatalogue) -> None:
    text = (
        "id: f\nnamespace: BAD\ninputs: [{id: x}]\ntasks:\n  - id: t\n    type: b.No\n"
        "  - id: t\n    type: a.T\n    retry: {type: constant}\nfoo: 1\n"
    )
    found = [(violation.path, violation.line) for violation in parse_flow(text, catalogue).violations]
    assert found == [
        ("namespace", 2),
        ("inputs[0].type", 3),
        ("tasks[0].type", 6),
        ("tasks[1].id", 7),
        ("tasks[1].retry.interval", 9),
        ("foo", 10),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "{{ inputs['a-b'] }}",
        "{{ inputs.n-1 }}",
        "{{ 'inputs.a-b' }}",
        "inputs.a-b",
        "{{ outputs.t.value-1 }}",
        "{{ x.inputs.a-b }}",
    ],
)
def test_hyphens_that_are_no_dashed_reference(text: str, catalogue: TypeCatalogue) -> None:
    flow = f'{HEAD}inputs: [{{id: n, type: INT}}, {{id: a-b, type: INT}}]\n{TASKS}    x: "{text}"\n'
    assert parse_flow(flow, catalogue).violations == ()


def test_faults_of_old_spellings_point_at_the_old_spelling(catalogue: TypeCatalogue) -> None:
    report = parse_flow(task(f"type: {FLOW}Pause\n    delay: soon"), catalogue)
    assert [(violation.path, violation.line) for violation in report.violations] == [("tasks[0].delay", 6)]


def test_flow_trigger_without_condition_is_warned_of(catalogue: TypeCatalogue) -> None:
    report = parse_flow(f"{HEAD}{TASKS}triggers: [{{id: s, type: {TRIGGER}Flow}}]\n", catalogue)
    assert report.violations == ()
    assert "every execution of every flow" in report.warnings[0]


def test_rules_of_2_0_only_warn_flows_of_1_x(catalogue: TypeCatalogue) -> None:
    text = (
        f"id: pause\nnamespace: a.b\nlabels: {{Team: x}}\ninputs: [{{name: x, type: INT}}]\n{TASKS}"
        f"triggers: [{{id: s, type: {TRIGGER}Schedule, cron: '* * * * *'}}]\n"
    )
    report = parse_flow(text, catalogue)
    assert report.violations == ()
    assert [warning.partition(":")[0] for warning in report.warnings] == ["id", "labels.Team", "triggers[0].inputs"]


def test_stored_flows_keep_working_with_properties_nobody_knows_any_more(catalogue: TypeCatalogue) -> None:
    text = task(f"type: {FLOW}Sequential\n    gone: 1\n    tasks: [{{id: x, type: b.Removed, y: 1}}]") + "foo: {a: 1}\n"
    assert len(parse_flow(text, catalogue).violations) == 3
    flow = parse_flow(text, catalogue, strict=False).valid_flow()
    assert [child.task.id for child in flow.children()] == ["t"]


def test_extra_rules_are_asked(catalogue: TypeCatalogue) -> None:
    from segue.domain.flow.faults import Fault

    report = parse_flow(HEAD + TASKS, catalogue, extra_rules=[lambda data: iter([Fault(("id",), data["id"])])])
    assert [str(violation) for violation in report.violations] == ["id: f"]


CONDITION = "io.kestra.plugin.core.condition."


def conditions(*lines: str) -> str:
    items = "".join(f"      - {line}\n" for line in lines)
    return f"{HEAD}{TASKS}triggers:\n  - id: s\n    type: {TRIGGER}Schedule\n    cron: '0 0 * * *'\n    conditions:\n{items}"


def test_conditions_are_known_with_their_aliases_and_properties(catalogue: TypeCatalogue) -> None:
    text = conditions(
        f"{{type: {CONDITION}Weekend}}",
        f"{{type: {CONDITION}WeekendCondition}}",
        "{type: io.kestra.core.models.conditions.types.VariableCondition, expression: '{{ true }}'}",
        f"{{type: {CONDITION}Not, conditions: [{{type: {CONDITION}DayWeek, dayOfWeek: MONDAY}}]}}",
    )
    report = parse_flow(text, catalogue)
    assert report.violations == ()
    assert "triggers[0].conditions[1].type" in report.deprecation_paths
    assert f"{CONDITION}WeekendCondition was renamed to {CONDITION}Weekend" in report.infos


@pytest.mark.parametrize(
    ("condition", "path", "words"),
    [
        ("{type: a.b.Unknown1}", "conditions[0]", ""),
        ("{type: b.Unknown}", "conditions[0].type", "Invalid type: b.Unknown"),
        (f"{{type: {CONDITION}DayWeek}}", "conditions[0].dayOfWeek", "must not be null"),
        (f"{{type: {CONDITION}Weekend, foo: 1}}", "conditions[0].foo", 'Unrecognized field "foo"'),
        (f"{{type: {CONDITION}Not, conditions: []}}", "conditions[0].conditions", "must not be empty"),
        (
            f"{{type: {CONDITION}Or, conditions: [{{type: {CONDITION}DayWeek}}]}}",
            "conditions[0].conditions[0].dayOfWeek",
            "must not be null",
        ),
        (
            f"{{type: {CONDITION}MultipleCondition, id: m, conditions: {{k: {{type: b.Unknown}}}}}}",
            "conditions[0].conditions.k.type",
            "Invalid type: b.Unknown",
        ),
    ],
)
def test_faults_in_conditions(condition: str, path: str, words: str, catalogue: TypeCatalogue) -> None:
    violations = parse_flow(conditions(condition), catalogue).violations
    if words:
        assert [(one.path, one.message, one.line) for one in violations] == [(f"triggers[0].{path}", words, 11)]
    else:
        assert violations == ()


@pytest.mark.parametrize(
    ("cron", "words"),
    [("'61 * * * *'", "wrong minute"), ("'* * * * * *'", "withSeconds"), ("every day", "5 fields are needed")],
)
def test_cron_expressions_are_checked(cron: str, words: str, catalogue: TypeCatalogue) -> None:
    text = f"{HEAD}{TASKS}triggers:\n  - id: s\n    type: {TRIGGER}Schedule\n    cron: {cron}\n"
    (violation,) = parse_flow(text, catalogue).violations
    assert (violation.path, violation.line) == ("triggers[0].cron", 9)
    assert violation.message.startswith("invalid cron expression")
    assert words in violation.message
    seconds = text.replace(cron, "'* * * * * *'\n    withSeconds: true")
    assert parse_flow(seconds, catalogue).violations == ()


def test_aliases_of_plugins_are_deprecated(catalogue: TypeCatalogue) -> None:
    report = parse_flow(task("type: io.kestra.core.tasks.log.Log\n    message: x"), catalogue)
    assert report.violations == ()
    assert report.deprecation_paths == ("tasks[0].type",)
    assert report.infos == ("io.kestra.core.tasks.log.Log was renamed to io.kestra.plugin.core.log.Log",)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("{values: {a: 1}}", "No 'type' provided"),
        ("{type: a.T}", "No 'values' provided"),
        ("{type: a.T, values: {}}", "No 'values' provided"),
        ("{type: a.T, values: {k: null}}", "No value provided for key 'k'"),
        (
            "{type: io.kestra.plugin.core.log.Log, values: {foo: 1}}",
            "No property 'foo' exists in plugin 'io.kestra.plugin.core.log.Log'",
        ),
        (f"{{type: {FLOW}Subflow, values: {{foo: 1}}}}", f"No property 'foo' exists in plugin '{FLOW}Subflow'"),
    ],
)
def test_faults_in_plugin_defaults(entry: str, words: str, catalogue: TypeCatalogue) -> None:
    text = f"{HEAD}pluginDefaults:\n  - {entry}\n{TASKS}"
    messages = [one.message for one in parse_flow(text, catalogue).violations]
    assert messages == [f"Invalid Plugin Default: {words}"]


@pytest.mark.parametrize(
    "entry",
    [
        "{type: io.kestra, values: {anything: 1}}",
        "{type: io.kestra.plugin.core.log.Log, values: {level: WARN, retry: {type: constant, interval: PT1S}}}",
        f"{{type: {FLOW}Subflow, values: {{wait: false, runIf: 'true'}}}}",
        f"{{type: {TRIGGER}Schedule, values: {{timezone: Europe/Paris}}}}",
    ],
)
def test_usable_plugin_defaults(entry: str, catalogue: TypeCatalogue) -> None:
    assert parse_flow(f"{HEAD}pluginDefaults:\n  - {entry}\n{TASKS}", catalogue).violations == ()


def test_new_properties_of_some_inputs_are_only_warned_of(catalogue: TypeCatalogue) -> None:
    text = (
        f"{HEAD}inputs:\n  - {{id: a, type: SELECT, values: [x], newer: 1}}\n"
        f"  - {{id: b, type: FORM, inputs: [{{id: c, type: FILE, newer: 1}}]}}\n{TASKS}"
    )
    report = parse_flow(text, catalogue)
    assert report.violations == ()
    assert report.warnings == (
        'inputs[0].newer: Unrecognized field "newer"',
        'inputs[1].inputs[0].newer: Unrecognized field "newer"',
    )
    wrong = parse_flow(text.replace("type: SELECT, values: [x]", "type: STRING"), catalogue)
    assert [one.path for one in wrong.violations] == ["inputs[0].newer"]


def test_a_duration_beyond_all_time_is_a_fault(catalogue: TypeCatalogue) -> None:
    (violation,) = parse_flow(task("type: a.T\n    timeout: 86400000000000.0"), catalogue).violations
    assert violation.message == "the duration is too long"


def preconditions(text: str) -> str:
    return f"{HEAD}{TASKS}triggers: [{{id: s, type: {TRIGGER}Flow, preconditions: {{{text}}}}}]\n"


@pytest.mark.parametrize(
    ("text", "path", "words"),
    [
        ("flows: []", "id", "must not be null"),
        ("id: p, flows: [{flowId: f}]", "flows[0].namespace", "must not be null"),
        ("id: p, foo: 1", "foo", 'Unrecognized field "foo"'),
        (
            "id: p, timeWindow: {type: DAILY_TIME_DEADLINE}",
            "timeWindow",
            "Time window of type `DAILY_TIME_DEADLINE` must have a deadline.",
        ),
        (
            "id: p, timeWindow: {type: SLIDING_WINDOW, startTime: '09:00'}",
            "timeWindow",
            "Time window of type `SLIDING_WINDOW` cannot have a startTime.",
        ),
        (
            "id: p, where: [{id: w, filters: [{field: STATE, type: IN, value: x}]}]",
            "where[0].filters[0]",
            "a filter of type `IN` needs `values`",
        ),
        (
            "id: p, where: [{id: w, filters: [{field: STATE, type: EQUAL_TO, values: [x]}]}]",
            "where[0].filters[0]",
            "a filter of type `EQUAL_TO` needs `value`",
        ),
        (
            "id: p, where: [{id: w, filters: [{field: STATE, type: IS_NULL, value: x}]}]",
            "where[0].filters[0]",
            "a filter of type `IS_NULL` needs no value",
        ),
    ],
)
def test_faults_in_preconditions(text: str, path: str, words: str, catalogue: TypeCatalogue) -> None:
    (violation,) = parse_flow(preconditions(text), catalogue).violations
    assert (violation.path, violation.message) == (f"triggers[0].preconditions.{path}", words)


def test_preconditions(catalogue: TypeCatalogue) -> None:
    text = (
        "id: p, timeWindow: {window: PT6H, windowAdvance: PT1H}, flows: [{namespace: a, states: [SUCCESS]}], "
        "where: [{id: w, operand: OR, filters: [{field: EXPRESSION, type: IS_TRUE, value: '{{ true }}'}, "
        "{field: NAMESPACE, type: IN, values: [a, b]}]}]"
    )
    report = parse_flow(preconditions(text), catalogue)
    assert report.violations == ()
    assert report.deprecation_paths == ("triggers[0].preconditions",)


@pytest.mark.parametrize(
    "text",
    [
        f"triggers: [{{id: s, type: {TRIGGER}Webhook, key: k, labels: {{system.readOnly: 'true'}}}}]",
        "sla: [{id: s, type: MAX_DURATION, duration: PT1H, behavior: NONE, labels: [{key: system.x, value: y}]}]",
    ],
)
def test_system_labels_are_the_systems(text: str, catalogue: TypeCatalogue) -> None:
    (violation,) = parse_flow(f"{HEAD}{TASKS}{text}\n", catalogue).violations
    assert "System labels can only be set" in violation.message


def test_outputs_are_not_nested_under_each_other(catalogue: TypeCatalogue) -> None:
    text = f"{HEAD}{TASKS}outputs: [{{id: a.b, type: STRING, value: x}}, {{id: a, type: STRING, value: x}}]\n"
    (violation,) = parse_flow(text, catalogue).violations
    assert (violation.path, violation.line) == ("outputs[0].id", 6)
    assert "conflicts with" in violation.message
