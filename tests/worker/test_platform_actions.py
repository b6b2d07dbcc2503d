"""Tasks that change keys in part, act on executions and list flows, through the worker and the controller."""

import io
import zipfile
from datetime import UTC, datetime, timedelta

import pytest
from test_platform import CORE, KESTRA, existing, failure_of, outputs_of
from test_purges import a_flow, set_key
from whole import open_whole

from segue.domain.execution.state import State
from segue.domain.kv import content_of
from segue.domain.namespaces import NamespaceAccess
from segue.ports.repositories.logs import LogQuery
from segue.testing.samples import line

PUT = CORE + "kv.Put"


@pytest.fixture
async def whole(tmp_path):
    async with open_whole(tmp_path) as opened:
        opened.stage.access._namespaces = NamespaceAccess.ALL
        yield opened


async def value_of(whole, key, namespace="io.test"):
    return await whole.stage.database.kv.get("main", namespace, key)


async def test_fields_of_a_value_are_set_and_the_rest_stays(whole):
    soon = datetime.now(UTC) + timedelta(hours=1)
    await set_key(whole, "k", content=content_of({"a": {"b": 1}}), expires_at=soon, description="why")
    await outputs_of(whole, PUT, "    key: k\n    value: {a: {c: '{{ 1 + 1 }}'}, n: 3}\n")
    entry = await value_of(whole, "k")
    assert entry.content.value == {"a": {"b": 1, "c": "2"}, "n": 3}
    assert (entry.version, entry.description, entry.expires_at) == (2, "why", soon)
    await outputs_of(whole, PUT, "    key: \"{{ 'k' }}\"\n    value: [{key: a.b, value: true}]\n")
    assert (await value_of(whole, "k")).content.value["a"] == {"b": True, "c": "2"}
    await outputs_of(whole, PUT, "    key: k\n    value: [{value: 5}]\n    errorOnMissing: true\n")
    assert (await value_of(whole, "k")).content.value == 5
    await set_key(whole, "up", namespace="io", content=content_of({"a": 1}))
    await outputs_of(whole, PUT, "    key: up\n    value: \"{{ {'b': [2]} }}\"\n")
    assert (await value_of(whole, "up")).content.value == {"b": [2]}
    assert (await value_of(whole, "up", "io")).content.value == {"a": 1}


async def test_updates_of_keys_that_do_not_fit(whole):
    await set_key(whole, "text", content=content_of("x"))
    await set_key(whole, "over", content=content_of({"a": 1}), expires_at=datetime(2026, 1, 2, tzinfo=UTC))
    keyed = "    value: [{key: a, value: 1}]\n"
    reason = "Cannot apply keyed `value` updates to a non-JSON existing KV value."
    assert reason in await failure_of(whole, PUT, "    key: text\n" + keyed)
    missing = "No value found for key 'none' in namespace 'io.test' and `errorOnMissing` is set to true"
    assert missing in await failure_of(whole, PUT, "    key: none\n    errorOnMissing: true\n" + keyed)
    assert "No value found" in await failure_of(whole, PUT, "    key: over\n    errorOnMissing: true\n" + keyed)
    assert "must start with an alphanumeric" in await failure_of(whole, PUT, "    key: '-'\n" + keyed)
    await outputs_of(whole, PUT, "    key: over\n    value: {b: 1}\n")
    entry = await value_of(whole, "over")
    assert (entry.content.value, entry.expires_at) == ({"b": 1}, None)
    whole.stage.access._namespaces = NamespaceAccess.ANCESTORS
    assert "is not open" in await failure_of(whole, PUT, "    key: k\n    namespace: io.other\n" + keyed)


async def state_of(whole, id_, state):
    async def reached():
        row = await whole.stage.database.executions.get("main", id_)
        return row if row.state is state else None

    return await whole.stage.until(reached)


async def test_executions_are_killed_and_removed(whole):
    victim = await whole.begin("  - id: t\n    type: test.Block\n")
    await state_of(whole, victim.id, State.RUNNING)
    await outputs_of(whole, KESTRA + "executions.Kill", f"    executionId: {victim.id}\n    propagateKill: false\n")
    row, _ = await whole.ended(victim.id)
    assert row.state is State.KILLED
    await outputs_of(whole, KESTRA + "executions.Kill", f"    executionId: {victim.id}\n")
    await whole.stage.database.logs.append([line(execution_id=victim.id)])
    await outputs_of(whole, KESTRA + "executions.Delete", f"    executionId: {victim.id}\n    deleteLogs: false\n")
    assert await whole.stage.database.executions.get("main", victim.id) is None
    kept, _ = await whole.stage.database.logs.lines(LogQuery(tenant="main", execution_id=victim.id))
    assert kept
    done = await existing(whole)
    assert "already finished" in await failure_of(whole, KESTRA + "executions.Kill", f"    executionId: {done.id}\n")


PAUSE = f"""  - id: p
    type: {CORE}flow.Pause
    onResume: [{{id: answer, type: STRING}}]
  - id: after
    type: {CORE}debug.Return
    format: "{{{{ outputs.p.onResume.answer }}}}"
"""


async def test_paused_executions_go_on(whole):
    task = KESTRA + "executions.Resume"
    paused = await whole.begin(PAUSE)
    await state_of(whole, paused.id, State.PAUSED)
    inputs = "    inputs: {answer: \"{{ 'y' ~ 'es' }}\"}\n"
    await outputs_of(whole, task, f"    executionId: {paused.id}\n{inputs}")
    row, runs = await whole.ended(paused.id)
    assert row.state is State.SUCCESS
    assert await whole.stage.outputs(runs["after"].id) == {"value": "yes"}
    assert "Execution must be paused" in await failure_of(whole, task, f"    executionId: {paused.id}\n")


@pytest.mark.parametrize(
    ("task", "properties", "reason"),
    [
        (KESTRA + "executions.Kill", "    executionId: none\n", "There is no execution 'none'"),
        (KESTRA + "executions.Kill", "    executionId: \"{{ '' }}\"\n", "`executionId` is empty"),
        (KESTRA + "executions.Kill", "    executionId: OTHER\n", "is not open to the namespace 'io.test'"),
        (KESTRA + "executions.Delete", "    executionId: OTHER\n", "is not open to the namespace 'io.test'"),
        (KESTRA + "executions.Delete", '    executionId: "{{ execution.id }}"\n', "cannot delete the execution it"),
        (KESTRA + "executions.Resume", "", "Execution must be paused"),
        (KESTRA + "flows.List", "    namespace: io.other\n", "'io.other' is not open"),
        (KESTRA + "flows.Export", "", "All namespaces together are not open"),
        (KESTRA + "flows.ExportById", "    flows: []\n", "`flows` is empty"),
        (KESTRA + "flows.ExportById", "    flows: [{id: none, namespace: io.test}]\n", "no flow 'io.test.none'"),
        (KESTRA + "flows.ExportById", "    flows: [{id: x, namespace: io.other}]\n", "'io.other' is not open"),
        (KESTRA + "namespaces.List", "    size: 1001\n", "`size` 1 to 1000"),
        (KESTRA + "namespaces.List", "    page: -2\n", "`page` must be 1 or more"),
        (KESTRA + "logs.Fetch", "    namespace: io.test\n", "go together"),
    ],
)
async def test_actions_that_may_not_be(whole, task, properties, reason):
    other = await existing(whole, namespace="io.other")
    whole.stage.access._namespaces = NamespaceAccess.ANCESTORS
    assert reason in await failure_of(whole, task, properties.replace("OTHER", other.id))


async def zipped(whole, uri):
    content = b"".join([chunk async for chunk in whole.stage.storage.get("main", uri)])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


async def test_flows_and_namespaces_are_listed_and_exported(whole):
    for number in range(102):
        await a_flow(whole, "co.team", f"x{number:03}")
    await a_flow(whole, "co.team.below", "y")
    listed = await outputs_of(whole, KESTRA + "flows.List", "    namespace: co.team\n")
    assert [flow["id"] for flow in listed["flows"]] == [f"x{number:03}" for number in range(102)]
    assert "source" not in listed["flows"][0]
    files = await zipped(whole, (await outputs_of(whole, KESTRA + "flows.Export", "    namespace: co\n"))["flowsZip"])
    assert len(files) == 103
    assert files["co.team.below.y.yml"].startswith("id: y\nnamespace: co.team.below\n")
    some = "    flows: [{id: y, namespace: co.team.below}, {id: x001, namespace: co.team}]\n"
    uri = (await outputs_of(whole, KESTRA + "flows.ExportById", some))["flowsZip"]
    assert set(await zipped(whole, uri)) == {"co.team.below.y.yml", "co.team.x001.yml"}
    labelled = "    namespace: co\n    labels: {a: b}\n"
    assert await zipped(whole, (await outputs_of(whole, KESTRA + "flows.Export", labelled))["flowsZip"]) == {}

    async def names(task, properties):
        return (await outputs_of(whole, f"{KESTRA}namespaces.{task}", properties))["namespaces"]

    assert await names("NamespacesWithFlows", "    prefix: co\n") == ["co.team", "co.team.below"]
    assert await names("List", "    prefix: co\n") == ["co", "co.team", "co.team.below"]
    second = "    prefix: co\n    existingOnly: true\n    size: 1\n    page: 2\n"
    assert await names("List", second) == ["co.team.below"]
    whole.stage.access._namespaces = NamespaceAccess.ANCESTORS
    assert await names("NamespacesWithFlows", "") == ["io.test"]


async def test_log_lines_are_fetched(whole):
    assert (await outputs_of(whole, KESTRA + "logs.Fetch", ""))["size"] == 0
