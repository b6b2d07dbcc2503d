"""Texts that are fine: 1.x spellings, plugin defaults, the tree of tasks, reading with no surprise."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.unit.flow.conftest import LOG, OLD_LOG, Catalogue

from segue.domain.errors import FlowSyntaxError, NotFoundError, SegueError
from segue.domain.flow import CompiledFlow, Flow, TypeCatalogue, parse_flow
from segue.domain.flow.flowables import ForEach, LoopUntil, Pause, Subflow, Switch
from segue.domain.flow.retry import ConstantRetry
from segue.domain.flow.routing import SelectorFallback
from segue.domain.flow.source import read_document
from segue.domain.flow.tasks import RunnableTask
from segue.domain.flow.triggers import PluginTrigger, ScheduleTrigger

FLOW = "io.kestra.plugin.core.flow."

OLD = f"""
id: old
namespace: a.b
taskDefaults:
  - {{type: {LOG}, values: {{message: from defaults, level: WARN}}}}
inputs:
  - {{name: flag, type: BOOLEAN}}
  - {{id: many, type: MULTISELECT, options: [x, 1]}}
  - {{id: one, type: ENUM, values: [x]}}
tasks:
  - id: wait
    type: io.kestra.core.tasks.flows.Pause
    delay: PT5S
    runIf: true
    workerGroup: {{key: k}}
  - id: until
    type: {FLOW}WaitFor
    condition: "{{{{ x }}}}"
    tasks:
      - id: log
        type: {OLD_LOG}
        level: INFO
        retry: {{type: constant, interval: PT1S, maxAttempt: 3}}
  - {{id: sub, type: io.kestra.core.tasks.flows.Flow, namespace: n, flowId: f, outputs: {{x: y}}}}
  - {{id: each, type: {FLOW}ForEach, values: [1], tasks: [{{id: q, type: a.T, own: {{deep: 1}}}}]}}
triggers:
  - id: s
    type: io.kestra.core.models.triggers.types.Schedule
    cron: "* * * * *"
    minLogLevel: warn
    backfill: {{}}
    conditions: [{{type: a.C1}}]
    scheduleConditions: [{{type: a.C2, x: 1}}]
  - {{id: p, type: a.Poll, interval: PT1M}}
"""


@pytest.fixture
def old_flow(catalogue: TypeCatalogue) -> Flow:
    return parse_flow(OLD, catalogue).valid_flow()


def test_old_tasks_become_the_internal_model(old_flow: Flow) -> None:
    wait, until, sub, each = old_flow.tasks
    assert isinstance(wait, Pause)
    assert wait.type == "io.kestra.core.tasks.flows.Pause"
    assert (wait.pause_duration, wait.when) == (timedelta(seconds=5), "true")
    assert wait.worker_selector is not None
    assert (wait.worker_selector.tags, wait.worker_selector.fallback) == (("k",), SelectorFallback.WAIT)
    assert isinstance(until, LoopUntil)
    assert isinstance(sub, Subflow)
    assert isinstance(each, ForEach)
    log = until.tasks[0]
    assert isinstance(log.retry, ConstantRetry)
    assert log.retry.max_attempts == 3


def test_properties_of_plugins_are_kept_as_written(old_flow: Flow) -> None:
    each = old_flow.tasks[3]
    assert isinstance(each, ForEach)
    runnable = each.tasks[0]
    assert isinstance(runnable, RunnableTask)
    assert dict(runnable.properties) == {"own": {"deep": 1}}
    poll = old_flow.triggers[1]
    assert isinstance(poll, PluginTrigger)
    assert dict(poll.properties) == {"interval": "PT1M"}


def test_old_inputs_and_triggers_become_the_internal_model(old_flow: Flow) -> None:
    assert [(item.id, str(item.type)) for item in old_flow.inputs] == [
        ("flag", "BOOL"),
        ("many", "MULTISELECT"),
        ("one", "SELECT"),
    ]
    schedule = old_flow.triggers[0]
    assert isinstance(schedule, ScheduleTrigger)
    assert str(schedule.log_level) == "WARN"
    assert [condition.type for condition in schedule.conditions] == ["a.C1", "a.C2"]
    assert dict(schedule.conditions[1].properties) == {"x": 1}


def test_defaults_fill_what_a_plugin_leaves_out_also_under_an_alias(old_flow: Flow, catalogue: TypeCatalogue) -> None:
    log = CompiledFlow(old_flow, 1).get_task("log")
    assert isinstance(log, RunnableTask)
    assert dict(log.properties) == {"message": "from defaults", "level": "INFO"}
    bare = parse_flow(OLD, catalogue, strict=False, with_defaults=False).valid_flow()
    log = CompiledFlow(bare, 1).get_task("log")
    assert isinstance(log, RunnableTask)
    assert dict(log.properties) == {"level": "INFO"}


def test_forced_defaults_win_and_the_last_one_most(catalogue: TypeCatalogue) -> None:
    text = (
        "id: f\nnamespace: a.b\npluginDefaults:\n"
        "  - {type: a., values: {x: flow, y: flow, m: {p: flow, q: flow}}}\n"
        "  - {type: a.T, forced: true, values: {z: flow}}\n"
        "tasks: [{id: t, type: a.T, x: own, z: own, m: {p: own}}, {id: u, type: a.T, pluginDefaultsRef: r}]\n"
    )
    server = [
        {"type": "a.T", "values": {"y": "server", "w": "server"}},
        {"type": "a.T", "forced": True, "values": {"z": "server"}},
        {"type": "a.T", "ref": "r", "values": {"special": 1}},
    ]
    first, second = parse_flow(text, catalogue, defaults=server).valid_flow().tasks
    assert isinstance(first, RunnableTask)
    assert isinstance(second, RunnableTask)
    assert dict(first.properties) == {
        "x": "own",
        "y": "flow",
        "w": "server",
        "z": "server",
        "m": {"p": "own", "q": "flow"},
    }
    assert second.properties["special"] == 1


def test_old_spellings_are_listed_as_deprecated(catalogue: TypeCatalogue) -> None:
    report = parse_flow(OLD, catalogue)
    assert report.violations == ()
    assert set(report.deprecation_paths) == {
        "taskDefaults",
        "inputs[0].name",
        "inputs[0].type",
        "inputs[1].options",
        "inputs[2].type",
        "tasks[0].type",
        "tasks[0].delay",
        "tasks[0].runIf",
        "tasks[0].workerGroup",
        "tasks[1].type",
        "tasks[1].tasks[0].type",
        "tasks[1].tasks[0].retry.maxAttempt",
        "tasks[2].type",
        "tasks[2].outputs",
        "tasks[3].type",
        "triggers[0].type",
        "triggers[0].minLogLevel",
        "triggers[0].backfill",
        "triggers[0].conditions",
        "triggers[0].scheduleConditions",
    }
    assert f"{FLOW}WaitFor was renamed to {FLOW}LoopUntil" in report.infos


TREE = f"""
id: tree
namespace: a.b
tasks:
  - id: sw
    type: {FLOW}Switch
    value: "{{{{ x }}}}"
    cases:
      true: [{{id: yes1, type: a.T}}, {{id: yes2, type: a.T}}]
    defaults: [{{id: no, type: a.T}}]
    errors: [{{id: err, type: a.T}}]
  - id: dag
    type: {FLOW}Dag
    tasks:
      - task: {{id: d1, type: {FLOW}Sequential, tasks: [{{id: deep, type: a.T}}]}}
      - {{task: {{id: d2, type: a.T}}, dependsOn: [d1]}}
  - {{id: pause, type: {FLOW}Pause, onPause: {{id: onp, type: a.T}}}}
errors: [{{id: e, type: a.T}}]
finally: [{{id: fi, type: {FLOW}If, condition: true, then: [{{id: th, type: a.T}}]}}]
afterExecution: [{{id: ae, type: a.T}}]
listeners: [{{tasks: [{{id: li, type: a.T}}]}}]
"""


@pytest.fixture
def tree(catalogue: TypeCatalogue) -> CompiledFlow:
    return CompiledFlow(parse_flow(TREE, catalogue).valid_flow(), 3)


def test_every_task_is_found_with_its_place(tree: CompiledFlow) -> None:
    places = {task_id: (node.parent_id, node.section, node.root, node.position) for task_id, node in tree.nodes.items()}
    assert places == {
        "sw": (None, "tasks", "tasks", 0),
        "yes1": ("sw", "cases.true", "tasks", 0),
        "yes2": ("sw", "cases.true", "tasks", 1),
        "no": ("sw", "defaults", "tasks", 0),
        "err": ("sw", "errors", "tasks", 0),
        "dag": (None, "tasks", "tasks", 1),
        "d1": ("dag", "tasks", "tasks", 0),
        "deep": ("d1", "tasks", "tasks", 0),
        "d2": ("dag", "tasks", "tasks", 1),
        "pause": (None, "tasks", "tasks", 2),
        "onp": ("pause", "onPause", "tasks", 0),
        "e": (None, "errors", "errors", 0),
        "fi": (None, "finally", "finally", 0),
        "th": ("fi", "then", "finally", 0),
        "li": (None, "listeners", "listeners", 0),
        "ae": (None, "afterExecution", "afterExecution", 0),
    }
    assert tree.get_node("deep").ancestors == ("d1", "dag")
    assert tree.get_node("deep").path == ("tasks", 1, "tasks", 0, "task", "tasks", 0)
    assert [task.id for task in tree.children("sw", "cases.true")] == ["yes1", "yes2"]
    assert [task.id for task in tree.children(None)] == ["sw", "dag", "pause"]
    assert tree.children("sw", "nothing") == ()
    assert tree.find_task("nothing") is None
    with pytest.raises(NotFoundError, match=r"Can't find task 'nothing' on flow 'a.b.tree' revision 3"):
        tree.parent_id("nothing")


def test_cases_of_a_switch_are_texts(tree: CompiledFlow) -> None:
    switch = tree.get_task("sw")
    assert isinstance(switch, Switch)
    assert list(switch.cases) == ["true"]


def test_values_that_may_be_expressions_are_kept_as_texts(catalogue: TypeCatalogue) -> None:
    text = (
        f"id: f\nnamespace: a.b\ntasks:\n  - id: t\n    type: {FLOW}Parallel\n    concurrent: '{{{{ 3 }}}}'\n"
        f"    timeout: '{{{{ inputs.t }}}}'\n"
        f"    tasks: [{{id: p, type: {FLOW}Pause, behavior: '{{{{ b }}}}'}}]\n"
    )
    task = parse_flow(text, catalogue).valid_flow().tasks[0]
    assert task.model_dump(include={"concurrent", "timeout"}) == {
        "concurrent": "{{ 3 }}",
        "timeout": "{{ inputs.t }}",
    }


def test_properties_without_a_value_count_as_absent(catalogue: TypeCatalogue) -> None:
    text = (
        "id: f\nnamespace: a.b\nlabels:\ninputs:\nerrors:\ntriggers:\nvariables:\nretry:\ndisabled:\n"
        "tasks:\n  - id: t\n    type: a.T\n    retry:\n    own:\n"
    )
    flow = parse_flow(text, catalogue).valid_flow()
    assert (flow.labels, flow.inputs, flow.variables, flow.disabled) == ((), (), {}, False)
    task = flow.tasks[0]
    assert isinstance(task, RunnableTask)
    assert dict(task.properties) == {"own": None}
    refused = parse_flow("id:\nnamespace: a.b\nfoo:\ntasks:\n", catalogue).violations
    assert [str(violation) for violation in refused] == [
        "id: must not be null",
        'foo: Unrecognized field "foo"',
        "tasks: must not be null",
    ]


def test_the_model_has_a_json_schema() -> None:
    schema = Flow.model_json_schema()
    assert {"id", "namespace", "tasks"} <= set(schema["required"])
    assert schema["properties"]["afterExecution"]["type"] == "array"


WORDS = st.sampled_from(
    [
        "id",
        "type",
        "namespace",
        "tasks",
        "inputs",
        "triggers",
        "errors",
        "labels",
        "retry",
        "cases",
        "values",
        "value",
        "task",
        "condition",
        "key",
        "then",
        "dependsOn",
        "workerGroup",
        "conditions",
        "listeners",
        "pluginDefaults",
        "outputs",
        "defaults",
        "runIf",
        "required",
    ]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(alphabet="aB.-{}'", max_size=5),
    st.sampled_from([f"{FLOW}Switch", f"{FLOW}Dag", f"{FLOW}Pause", "a.T", "INT", "FORM", "{{ inputs.a-b }}"]),
    st.sampled_from(["io.kestra.plugin.core.trigger.Schedule", "constant", "PT1S", LOG]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=5)),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(WORDS, VALUES, max_size=8))
def test_no_map_makes_the_parser_crash(data: dict[str, object]) -> None:
    text = json.dumps(data, ensure_ascii=False)
    try:
        report = parse_flow(text, Catalogue())
    except FlowSyntaxError:  # characters YAML does not know
        return
    assert report.violations or report.flow is not None
    parse_flow(text, Catalogue(), strict=False)


def places(data: object) -> list[tuple[object, object]]:
    """Every container of `data` with every key or index in it."""
    keys = list(data) if isinstance(data, dict) else range(len(data)) if isinstance(data, list) else []
    return [(data, key) for key in keys] + [place for key in keys for place in places(data[key])]  # type: ignore[index]  # a container


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_broken_part_of_a_flow_makes_the_parser_crash(draws: st.DataObject) -> None:
    data = read_document(draws.draw(st.sampled_from([OLD, TREE]))).data
    for _ in range(draws.draw(st.integers(1, 3))):
        container, key = draws.draw(st.sampled_from(places(data)))
        container[key] = draws.draw(VALUES)  # type: ignore[index]  # a container
    text = json.dumps(data)
    for strict in (True, False):
        parse_flow(text, Catalogue(), strict=strict)


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(), st.text(alphabet="ab:-[]{}&*!|>?#'\" \n\t<", max_size=60)))
@example("a: !!int x")
@example("!!binary a: b")
@example("&a : *a")
@example("<<: *a")
@example("a: !!float .nan")
def test_no_text_makes_the_parser_crash(text: str) -> None:
    try:
        report = parse_flow(text, Catalogue())
    except SegueError:
        return
    assert report.violations
