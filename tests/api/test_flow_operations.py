"""What can be done with flows beside saving them: switching, graphs, dependencies, searches, checks of parts."""

from datetime import UTC, datetime
from typing import Any

import pytest

from segue.ports.repositories.flows import StoredFlow
from tests.api.conftest import LOG, Server, flow

FLOWS = "/api/v1/main/flows"
CORE = "io.kestra.plugin.core."
SUBFLOW = f"{{id: call, type: {CORE}flow.Subflow, namespace: company.team, flowId: child}}"


async def get(server: Server, path: str, **query: Any) -> Any:
    answer = await server.client.get(f"/api/v1/main/{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def post(server: Server, path: str, **arguments: Any) -> Any:
    answer = await server.client.post(f"/api/v1/main/{path}", **arguments)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize(
    ("text", "disabled", "enabled"),
    [
        (flow(), flow() + "disabled: true\n", flow() + "disabled: false\n"),
        (flow().rstrip(), flow() + "disabled: true\n", flow() + "disabled: false\n"),
        (
            "disabled: false  # why\r\n" + flow(),
            "disabled: true  # why\r\n" + flow(),
            "disabled: false  # why\r\n" + flow(),
        ),
        (
            f'{{"id": "hello", "namespace": "company.team", "tasks": [{{"id": "t", "type": "{LOG}"}}]}}',
            f'{{"disabled": true, "id": "hello", "namespace": "company.team", "tasks": [{{"id": "t", "type": "{LOG}"}}]}}',
            None,
        ),
    ],
)
async def test_flows_are_switched_by_their_text(server: Server, text: str, disabled: str, enabled: str | None) -> None:
    await server.save(text)
    names = [{"namespace": "company.team", "id": "hello"}]
    first = await post(server, "flows/disable/by-ids", json=names)
    assert (first["count"], first["totalItems"]) == (1, 1)
    assert (await post(server, "flows/disable/by-ids", json=names))["count"] == 0
    stored = await get(server, "flows/company.team/hello", source="true")
    assert (stored["source"], stored["disabled"], stored["revision"]) == (disabled, True, 2)
    refused = await server.client.post("/api/v1/main/executions/company.team/hello")
    assert refused.status_code == 409
    if enabled is not None:
        assert (await post(server, "flows/enable/by-query?filters[namespace][EQUALS]=company.team"))["count"] == 1
        stored = await get(server, "flows/company.team/hello", source="true")
        assert (stored["source"], stored["disabled"], stored["revision"]) == (enabled, False, 3)


async def test_an_unknown_flow_refuses_the_whole_switch(server: Server) -> None:
    await server.save(flow())
    names = [{"namespace": "company.team", "id": name} for name in ("hello", "none")]
    answer = await server.client.post(f"{FLOWS}/disable/by-ids", json=names)
    assert answer.status_code == 404
    assert (await get(server, "flows/company.team/hello"))["disabled"] is False


async def test_a_text_that_cannot_be_edited_safely_is_left_alone(server: Server) -> None:
    await server.save("? disabled\n: false\n" + flow())
    answer = await server.client.post(f"{FLOWS}/disable/by-query")
    assert answer.status_code == 422
    assert "line of its own" in answer.json()["detail"]


async def test_old_revisions_are_forgotten(server: Server) -> None:
    for number in range(3):
        await server.save_or_update(flow(more=f"description: '{number}'\n"))
    path = f"{FLOWS}/company.team/hello/revisions"
    for wrong, status in (("", 422), ("x", 422), ("0", 422), ("1,3", 409)):
        assert (await server.client.delete(path, params={"revisions": wrong})).status_code == status
    assert (await server.client.delete(path)).status_code == 400
    assert (await server.client.delete(path, params={"revisions": "1,2"})).status_code == 200
    assert [one["revision"] for one in await get(server, "flows/company.team/hello/revisions")] == [3]
    unknown = await server.client.delete(f"{FLOWS}/company.team/none/revisions?revisions=1")
    assert unknown.status_code == 404


async def test_a_graph_of_a_stored_flow_with_its_subflow(server: Server) -> None:
    await server.save(flow("child"))
    await server.save(f"id: parent\nnamespace: company.team\ntasks: [{SUBFLOW}]\n")
    graph = await get(server, "flows/company.team/parent/graph")
    kinds = {node["uid"]: node["type"].rpartition(".")[2] for node in graph["nodes"]}
    assert kinds["root.call"] == "SubflowGraphTask"
    assert graph["clusters"] == []
    expanded = await get(server, "flows/company.team/parent/graph", subflows="root.call,root.unknown")
    assert "root.call.greet" in {node["uid"] for node in expanded["nodes"]}
    (cluster,) = expanded["clusters"]
    assert cluster["cluster"]["uid"] == "cluster_root.call"
    assert cluster["cluster"]["type"].endswith(".SubflowGraphCluster")
    assert {cluster["start"], cluster["end"], "root.call.greet"} == set(cluster["nodes"])
    missing = await server.client.get(f"{FLOWS}/company.team/none/graph")
    assert missing.status_code == 404


async def test_a_graph_of_a_text(server: Server) -> None:
    graph = await post(server, "flows/graph", content=flow())
    assert [node["task"]["message"] for node in graph["nodes"] if "task" in node] == ["Hello"]
    answer = await server.client.post(f"{FLOWS}/graph", content="a: [")
    assert answer.status_code == 422


async def test_flows_that_start_each_other_are_drawn_as_deep_as_wished(server: Server) -> None:
    await server.save(f"id: child\nnamespace: company.team\ntasks: [{SUBFLOW.replace('child', 'other')}]\n")
    await server.save(f"id: other\nnamespace: company.team\ntasks: [{SUBFLOW}]\n")
    uids = ",".join("root" + ".call" * depth for depth in range(1, 31))
    graph = await get(server, "flows/company.team/child/graph", subflows=uids)
    assert len(graph["clusters"]) == 30


async def test_broken_flows_are_shown_and_not_run(server: Server) -> None:
    broken = StoredFlow(
        tenant="main",
        namespace="company.team",
        id="old",
        revision=0,
        source="id: old\nnamespace: company.team\ntasks: []\n",
        updated_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    await server.database.flows.save(broken)
    assert "must not be empty" in (await get(server, "flows/company.team/old"))["exception"]
    assert (await server.client.get(f"{FLOWS}/company.team/old/graph")).status_code == 422
    answer = await server.client.post("/api/v1/main/executions/company.team/old")
    assert answer.status_code == 409
    assert "Cannot execute an invalid flow" in answer.json()["detail"]


async def test_dependencies(server: Server) -> None:
    trigger = f"triggers: [{{id: after, type: {CORE}trigger.Flow, dependsOn: [{{flowId: child}}]}}]\n"
    await server.save(flow("child"))
    await server.save(f"id: parent\nnamespace: company.team\ntasks: [{SUBFLOW}]\n")
    await server.save(f"id: top\nnamespace: company\ntasks: [{SUBFLOW.replace('child', 'parent')}]\n")
    await server.save(flow("after", "other", trigger))

    async def edges(path: str, **query: Any) -> set[str]:
        found = await get(server, path, **query)
        known = {node["uid"]: node["id"] for node in found["nodes"]}
        return {f"{known[one['source']]} {one['relation']} {known[one['target']]}" for one in found["edges"]}

    path = "flows/company.team/parent/dependencies"
    assert await edges(path) == {"parent FLOW_TASK child", "top FLOW_TASK parent"}
    assert await edges(path, destinationOnly="true") == {"parent FLOW_TASK child"}
    everything = {"parent FLOW_TASK child", "top FLOW_TASK parent", "child FLOW_TRIGGER after"}
    assert await edges(path, expandAll="true") == everything
    assert await edges("namespaces/company/dependencies") == everything
    assert await edges("namespaces/other/dependencies") == {"child FLOW_TRIGGER after"}
    assert await edges("namespaces/other/dependencies", destinationOnly="true") == set()
    alone = await get(server, "flows/other/after/dependencies", destinationOnly="true")
    assert alone["nodes"] == [{"uid": "main_other_after", "namespace": "other", "id": "after", "tenantId": "main"}]
    assert (await server.client.get(f"{FLOWS}/other/none/dependencies")).status_code == 404


async def test_sources_are_searched(server: Server) -> None:
    await server.save(flow("one", more="description: Find ME and me\n"))
    await server.save(flow("two", "other", more="# 100%\n"))
    found = await get(server, "flows/source", q="me")
    assert found["total"] == 2
    first = await get(server, "flows/source", q="find me")
    assert [one["model"]["id"] for one in first["results"]] == ["one"]
    assert first["results"][0]["fragments"] == ["    message: Hello\ndescription: [mark]Find ME[/mark] and me"]
    assert (await get(server, "flows/source", q="%"))["total"] == 1
    assert (await get(server, "flows/source", q="hello", namespace="other"))["total"] == 1
    assert (await get(server, "flows/source"))["total"] == 2
    page = await get(server, "flows/source", q="hello", page=2, size=1)
    assert (page["total"], len(page["results"])) == (2, 1)


async def test_deprecated_types_are_listed(server: Server) -> None:
    loop = f"{{id: old, type: {CORE}flow.EachSequential, value: '[1]', tasks: [{SUBFLOW}]}}"
    await server.save(f"id: loops\nnamespace: company.team\ntasks: [{loop}]\n")
    await server.save(flow())
    (found,) = await get(server, "flows/deprecated", namespace="company")
    assert (found["namespace"], found["flowId"], found["revision"]) == ("company.team", "loops", 1)
    assert found["deprecatedTasks"] == [
        {"taskId": "old", "taskType": f"{CORE}flow.EachSequential", "replacement": f"{CORE}flow.Loop"}
    ]
    assert await get(server, "flows/deprecated", namespace="else") == []


async def test_a_task_is_checked_by_itself(server: Server) -> None:
    good = await post(server, "flows/validate/task?section=TASKS", content=f"id: a\ntype: {LOG}\nmessage: x\n")
    assert "constraints" not in good
    bad = await post(server, "flows/validate/task?section=tasks", json={"id": "a b", "type": LOG, "foo": 1})
    assert bad["constraints"].splitlines() == [
        'id: must match "^[a-zA-Z0-9][a-zA-Z0-9_-]*$" (line 1)',
        'foo: Unrecognized field "foo" (line 1)',
    ]
    nested = f"id: a\ntype: {CORE}flow.Sequential\ntasks:\n  - id: b\n    type: no.Such\n"
    answer = await post(server, "flows/validate/task?section=TASKS", content=nested)
    assert answer["constraints"] == "tasks[0].type: Invalid type: no.Such (line 5)"
    old = await post(server, "flows/validate/task?section=TASKS", content=f"id: a\ntype: {LOG}\nrunIf: 'true'\n")
    assert old["deprecationPaths"] == ["runIf"]
    text = await post(server, "flows/validate/task?section=TASKS", content="just text")
    assert text["constraints"].startswith("Illegal task source")
    assert (await server.client.post(f"{FLOWS}/validate/task?section=FLOWS", content="a: 1")).status_code == 422


async def test_a_trigger_is_checked_by_itself(server: Server) -> None:
    trigger = {"id": "s", "type": f"{CORE}trigger.Schedule", "cron": "* * *"}
    answer = await post(server, "flows/validate/trigger", json=trigger)
    assert answer["constraints"].startswith("cron: invalid cron expression")
    same = await post(server, "flows/validate/task?section=TRIGGERS", json=trigger)
    assert same == answer
    assert "constraints" not in await post(server, "flows/validate/trigger", json=trigger | {"cron": "@daily"})


async def test_a_text_can_call_itself_a_draft(server: Server) -> None:
    wrong = "id: hello\nnamespace: company.team\ndraft: true\ntasks: []\n"
    saved = await server.save(wrong)
    assert (saved["draft"], saved["revision"]) == (True, 1)
    assert (await server.client.get(f"{FLOWS}/company.team/hello")).status_code == 404
    assert (await server.client.post(FLOWS, content=wrong.replace("true", "false"))).status_code == 422


async def test_flows_of_a_body_can_be_moved_to_a_namespace(server: Server) -> None:
    text = flow("one", "elsewhere")
    refused = await server.client.post(f"{FLOWS}/company.team?delete=false", content=text)
    assert refused.status_code == 422
    await post(server, "flows/company.team?delete=false&override=true", content=text)
    stored = await get(server, "flows/company.team/one", source="true")
    assert stored["source"] == text.replace("namespace: elsewhere", 'namespace: "company.team"')


INPUTS = """inputs:
  - {id: kind, type: SELECT, values: [{label: One, value: a}, b]}
  - {id: many, type: SELECT, expression: "{{ ['x', 'y'] }}"}
  - {id: wait, type: DURATION, defaults: PT90S, max: PT2H}
  - {id: count, type: INT, min: 3}
"""


async def test_every_input_that_does_not_fit_is_named(server: Server) -> None:
    await server.save(flow(more=INPUTS))
    parts = {"kind": (None, "c"), "count": (None, "2")}
    answer = await server.client.post("/api/v1/main/executions/company.team/hello", files=parts)
    assert answer.status_code == 422
    problem = answer.json()
    assert [one["path"] for one in problem["errors"]] == ["inputs.kind", "inputs.many", "inputs.count"]
    assert "Invalid input for `many`, missing required input, but received `null`" in problem["message"]
    assert "Invalid input for `count`, it must be more than `3`, but received `2`" in problem["message"]


async def test_inputs_are_looked_at_before_a_run(server: Server) -> None:
    await server.save(flow(more=INPUTS))
    parts = {"kind": (None, "a"), "count": (None, "many")}
    answer = await post(server, "executions/company.team/hello/validate", files=parts)
    kind, many, wait, count = answer["inputs"]
    assert kind["input"]["values"] == [{"label": "One", "value": "a"}, "b"]
    assert (kind["value"], kind["enabled"], kind["isDefault"], kind["errors"]) == ("a", True, False, [])
    assert many["input"]["values"] == ["x", "y"]
    assert many["errors"] == [{"message": "missing required input", "renderError": False}]
    assert (wait["input"]["max"], wait["value"], wait["isDefault"]) == ("PT2H", "PT1M30S", True)
    assert count["errors"][0]["message"].startswith("Expected `INT` but received `many`")


async def test_flows_are_filtered_by_namespace_scope_and_id(server: Server) -> None:
    for name, namespace in (
        ("one", "company.team"),
        ("two", "company.other"),
        ("clean", "system"),
        ("deep", "system.x"),
    ):
        await server.save(flow(name, namespace))

    async def ids(**filters: str) -> list[str]:
        query = {"size": "100", "sort": "id:asc"} | {
            f"filters[{key.replace('__', '][')}]": filters[key] for key in filters
        }
        return [one["id"] for one in (await get(server, "flows/search", **query))["results"]]

    assert await ids(scope__EQUALS="USER") == ["one", "two"]
    assert await ids(scope__EQUALS="SYSTEM") == ["clean", "deep"]
    assert await ids(scope__IN="USER,SYSTEM") == ["clean", "deep", "one", "two"]
    assert await ids(scope__EQUALS="SYSTEM", namespace__PREFIX="company") == []
    assert await ids(namespace__STARTS_WITH="company.t") == ["one"]
    assert await ids(namespace__CONTAINS="ystem") == ["clean", "deep"]
    assert await ids(namespace__NOT_IN="company.team,system") == ["deep", "two"]
    assert await ids(flowId__IN="one,deep") == ["deep", "one"]
    refused = await server.client.get(f"{FLOWS}/search?filters[namespace][REGEX]=x")
    assert refused.status_code == 400
    assert (await server.client.delete(f"{FLOWS}/delete/by-query?filters[scope][EQUALS]=USER")).json()["count"] == 2
    assert await ids() == ["clean", "deep"]


async def test_what_may_be_started_is_listed(server: Server) -> None:
    await server.save(flow("one"))
    await server.save(flow("two", more="disabled: true\n"))
    await server.save(flow("three", "other", "disabled: true\n"))
    assert await get(server, "executions/namespaces") == ["company.team"]
    (found,) = await get(server, "executions/namespaces/company.team/flows")
    assert (found["id"], found["tasks"]) == ("one", [{"id": "greet", "type": LOG}])


async def test_every_wrong_flow_of_a_bulk_is_named(server: Server) -> None:
    text = "\n---\n".join([flow("one"), flow("two") + "foo: 1\n", "a: [", flow("three") + "bar: 1\n"])
    answer = await server.client.post(f"{FLOWS}/bulk", content=text)
    assert answer.status_code == 422
    problem = answer.json()
    assert [part.partition(":")[0] for part in problem["detail"].split("; ")] == [
        "flow 2 of 4",
        "flow 3 of 4",
        "flow 4 of 4",
    ]
    assert [one["path"] for one in problem["errors"]] == ["foo", "bar"]
    assert (await get(server, "flows/search"))["total"] == 0


async def test_an_empty_file_is_a_fault_of_its_input(server: Server) -> None:
    await server.save(flow(more="inputs: [{id: f, type: FILE}, {id: n, type: INT}]\n"))
    parts: dict[str, Any] = {"f": ("a.txt", b""), "n": (None, "1")}
    answer = await post(server, "executions/company.team/hello/validate", files=parts)
    assert [bool(one["errors"]) for one in answer["inputs"]] == [True, False]
    refused = await server.client.post("/api/v1/main/executions/company.team/hello", files=parts)
    assert refused.status_code == 422
    assert "Can't upload file: a.txt" in refused.json()["detail"]
