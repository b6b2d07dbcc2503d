"""The schemas and documents of the editor, made from the classes."""

from typing import Any

import msgspec
import pytest

from segue.domain.flow import parse_flow
from segue.domain.flow.descriptions import PROPERTIES, SPECIAL
from segue.domain.flow.json_schema import schema_fault
from segue.domain.flow.source import read_document
from segue.plugins.documents import Library
from segue.plugins.registry import PluginRegistry
from segue.sdk import Trigger

LOG = "io.kestra.plugin.core.log.Log"
PROCESS = "io.kestra.plugin.core.runner.Process"
SHELL = "io.kestra.plugin.scripts.shell."
FLOW = "io.kestra.plugin.core.flow."
TRIGGER = "io.kestra.plugin.core.trigger."
CONDITION = "io.kestra.plugin.core.condition."

GOOD = f"""
id: all
namespace: company.team
labels: {{team: data, number: 1}}
inputs:
  - {{id: a, type: STRING, validator: "[a-z]+"}}
  - {{name: b, type: BOOLEAN}}
  - {{id: c, type: SELECT, values: [x, {{label: Y, value: y}}]}}
  - {{id: d, type: FORM, inputs: [{{id: e, type: INT, min: 3}}]}}
outputs: [{{id: o, type: JSON, value: "{{{{ outputs }}}}"}}]
concurrency: {{limit: 2, behavior: CANCEL}}
sla: [{{id: s, type: MAX_DURATION, duration: PT1H, behavior: FAIL}}]
checks: [{{condition: "{{{{ true }}}}", message: no}}]
tasks:
  - id: loop
    type: {FLOW}Loop
    values: [1, 2]
    tasks:
      - id: dag
        type: {FLOW}Dag
        tasks:
          - task: {{id: x, type: {LOG}, message: hello, retry: {{type: constant, interval: PT1S, maxAttempt: 3}}}}
          - task: {{id: y, type: {FLOW}If, condition: true, then: [{{id: z, type: {LOG}, message: [a, b]}}]}}
            dependsOn: [x]
  - {{id: t, type: {LOG}, message: m, level: "{{{{ inputs.a }}}}", timeout: "{{{{ vars.t }}}}", runIf: "true"}}
triggers:
  - id: daily
    type: {TRIGGER}Schedule
    cron: "@daily"
    conditions: [{{type: {CONDITION}Not, conditions: [{{type: {CONDITION}Weekend}}]}}]
  - {{id: after, type: {TRIGGER}Flow, dependsOn: [{{flowId: f}}], window: {{every: P1D}}}}
"""


@pytest.fixture(scope="module")
def library() -> Library:
    return Library(PluginRegistry(installed=False))


@pytest.fixture(scope="module")
def schema(library: Library) -> Any:
    content = library.schema("flow")
    assert content is not None
    assert library.schema("FLOW") is content
    return msgspec.json.decode(content)


def test_a_valid_flow_fits(schema: Any) -> None:
    assert parse_flow(GOOD, PluginRegistry(installed=False)).violations == ()
    assert schema_fault(schema, read_document(GOOD).data) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("message: hello", "massage: hello"),
        (f"{{id: x, type: {LOG}", "{id: x, type: no.Such"),
        ("tasks:\n      - id: dag", "task:\n      - id: dag"),
        ("behavior: CANCEL", "behavior: NEVER"),
        ("type: SELECT, ", ""),
        ('cron: "@daily"', "corn: x"),
        (f"type: {CONDITION}Weekend", f"type: {CONDITION}Weekday"),
        ("id: e, type: INT, min: 3", "id: e, type: INT, min: three"),
    ],
)
def test_a_flow_with_a_fault_does_not(old: str, new: str, schema: Any) -> None:
    assert old in GOOD
    assert schema_fault(schema, read_document(GOOD.replace(old, new)).data) is not None


def test_all_references_lead_somewhere(library: Library) -> None:
    for kind in ("FLOW", "TASK", "TRIGGER"):
        content = library.schema(kind)
        assert content is not None
        found = msgspec.json.decode(content)
        waiting: list[Any] = [found]
        while waiting:
            item = waiting.pop()
            if isinstance(item, dict):
                if isinstance(item.get("$ref"), str):
                    assert item["$ref"].removeprefix("#/definitions/") in found["definitions"]
                waiting.extend(item.values())
            elif isinstance(item, list):
                waiting.extend(item)


def test_every_property_is_described(schema: Any) -> None:
    definitions = {"Flow": schema} | schema["definitions"]
    missing = [
        f"{name}.{key}"
        for name, definition in definitions.items()
        for key, part in definition.get("properties", {}).items()
        if not part.get("description")
    ]
    assert missing == []


def test_no_description_is_left_over(schema: Any) -> None:
    known = {key for one in ({"": schema} | schema["definitions"]).values() for key in one.get("properties", {})}
    assert (set(PROPERTIES) | {name for _, name in SPECIAL}) - known == {"tenantId", "deleted", "updated"} - known


def test_every_type_is_a_constant_among_the_tasks(schema: Any) -> None:
    for name in (LOG, f"{FLOW}Loop", f"{TRIGGER}Schedule", "io.kestra.plugin.core.execution.Exit"):
        assert schema["definitions"][name]["properties"]["type"]["const"] == name
    names = {one["$ref"] for one in schema["definitions"]["AnyTask"]["anyOf"]}
    assert {f"#/definitions/{LOG}", f"#/definitions/{FLOW}Subflow"} <= names


def test_examples_are_valid_tasks(library: Library) -> None:
    types = PluginRegistry(installed=False)
    examples = 0
    for name in types.types():
        plugin = types.load(name)
        for example in plugin.examples:
            examples += 1
            part = "\n".join(f"    {line}" for line in example.code.splitlines()).replace("    ", "  - ", 1)
            if issubclass(plugin, Trigger):
                part = f"  - {{id: t, type: {LOG}, message: m}}\ntriggers:\n{part}"
            report = parse_flow(f"id: f\nnamespace: a.b\ntasks:\n{part}\n", types)
            assert report.violations == (), example.title
    assert examples >= 5
    document = library.document(LOG)
    assert document is not None
    assert document["schema"]["properties"]["$examples"][0]["lang"] == "yaml"


def test_documents(library: Library) -> None:
    document = library.document("io.kestra.core.tasks.log.Log")
    assert document is not None
    assert document == library.document(LOG.lower())
    properties = document["schema"]["properties"]["properties"]
    assert set(properties) == {"message", "level"}
    assert properties["message"]["$required"] is True
    assert properties["level"]["$dynamic"] is True
    assert properties["level"]["default"] == "INFO"
    assert "| `message` | string or list of string |" in document["markdown"]
    whole = library.document(LOG, everything=True)
    assert whole is not None
    assert {"id", "retry", "timeout", "message"} <= set(whole["schema"]["properties"]["properties"])
    loop = library.document(f"{FLOW}Loop")
    assert loop is not None
    assert {"values", "tasks", "breakWhen"} <= set(loop["schema"]["properties"]["properties"])
    assert "id" not in loop["schema"]["properties"]["properties"]
    returned = library.document("io.kestra.plugin.core.debug.Return")
    assert returned is not None
    assert set(returned["schema"]["outputs"]["properties"]) == {"value"}
    assert library.document("no.Such") is None


def test_lists(library: Library) -> None:
    groups = {one["group"]: one for one in library.plugins()}
    core, scripts = groups["io.kestra.plugin.core"], groups["io.kestra.plugin.scripts"]
    assert [one["cls"] for one in core["taskRunners"]] == [PROCESS]
    assert f"{SHELL}Script" in {one["cls"] for one in scripts["tasks"]}
    assert {"cls": LOG, "deprecated": False, "title": "Writes one line for each message."} in core["tasks"]
    assert "io.kestra.plugin.core.log" in {one["subGroup"] for one in library.subgroups()}
    assert {one["name"] for one in library.triggers()} >= {"Schedule", "ScheduleOnDates", "Webhook", "Flow", "Trigger"}
    assert set(library.input_types()) >= {"STRING", "FORM", "MULTISELECT"}
    select = library.input_document("enum")
    assert select is not None
    assert "isRadio" in select["schema"]["properties"]["properties"]
    assert library.input_document("NOTHING") is None


def test_a_task_runner_is_documented_and_may_stand_where_one_is_wanted(library: Library, schema: Any) -> None:
    document = library.document(PROCESS)
    assert document is not None
    assert document["markdown"].startswith("# Process\n")
    assert {"$ref": f"#/definitions/{PROCESS}"} in schema["definitions"]["AnyTaskRunner"]["anyOf"]
    property_ = schema["definitions"][f"{SHELL}Script"]["properties"]["taskRunner"]
    assert property_["allOf"] == [{"$ref": "#/definitions/AnyTaskRunner"}]
    flow = f"id: f\nnamespace: a\ntasks:\n  - {{id: t, type: {SHELL}Script, script: x, taskRunner: {{type: %s}}}}\n"
    assert schema_fault(schema, read_document(flow % PROCESS).data) is None
    assert schema_fault(schema, read_document(flow % LOG).data) is not None
    assert schema["definitions"][f"{SHELL}Script"]["properties"]["docker"]["deprecated"] is True
