"""Tasks that ask the platform about executions, and remove what is old: through the worker and the controller."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from whole import open_whole

from segue.domain.execution.model import Caller
from segue.domain.execution.state import State
from segue.domain.labels import Label
from segue.domain.namespaces import NamespaceAccess
from segue.expr.ion.reader import read_ion
from segue.proto.generated import worker_pb2 as pb
from segue.testing.samples import ended, execution, flow_key

CORE = "io.kestra.plugin.core."
KESTRA = "io.kestra.plugin.kestra."
OLD = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
async def whole(tmp_path):
    async with open_whole(tmp_path) as opened:
        yield opened


@pytest.fixture
def open_namespaces(whole):
    """Every namespace is open to every flow, as in a server without further settings."""
    whole.stage.access._namespaces = NamespaceAccess.ALL


async def existing(whole, namespace="io.test", flow_id="f", state=State.SUCCESS, at=OLD, **fields):
    """An execution that nobody works on, written in its final state."""
    row = execution(flow_key(namespace=namespace, flow_id=flow_id), at=at, **fields)
    row = ended(row, state) if state.is_terminated else msgspec.structs.replace(row, status=row.status.to(state, at))
    await whole.stage.database.executions.create([row])
    return row


async def outputs_of(whole, task, properties, state=State.SUCCESS):
    row, runs = await whole.run(f"  - id: t\n    type: {task}\n{properties}")
    lines = await whole.stage.lines(runs["t"].id)
    assert row.state is state, lines
    return await whole.stage.outputs(runs["t"].id) if runs["t"].outputs is not None else None


async def failure_of(whole, task, properties):
    row, runs = await whole.run(f"  - id: t\n    type: {task}\n{properties}")
    assert row.state is State.FAILED
    return " ".join(await whole.stage.lines(runs["t"].id))


async def test_executions_are_counted_by_flow_and_by_namespace(whole):
    await existing(whole)
    await existing(whole, state=State.FAILED)
    await existing(whole, flow_id="g", at=OLD + timedelta(days=2))
    count = (
        "    flows: [{namespace: io.test, flowId: f}, {namespace: io.test, flowId: g}, {namespace: io, flowId: x}]\n"
        "    namespaces: ['{{ flow.namespace }}']\n"
        '    startDate: "2026-01-01T00:00:00Z"\n    endDate: "2026-02-01T01:00:00+01:00"\n'
    )
    assert await outputs_of(whole, CORE + "execution.Count", count + '    expression: "{{ count >= 0 }}"\n') == {
        "results": [
            {"namespace": "io.test", "flowId": "f", "count": 2},
            {"namespace": "io.test", "flowId": "g", "count": 1},
            {"namespace": "io", "flowId": "x", "count": 0},
            {"namespace": "io.test", "count": 3},
        ],
        "total": 6,
    }
    picked = await outputs_of(
        whole, "io.kestra.core.tasks.executions.Counts", count + '    expression: "{{ count == 0 }}"'
    )
    assert [result["flowId"] for result in picked["results"]] == ["x"]
    count += '    states: [FAILED]\n    expression: "{{ count == 1 }} "\n'
    assert [result["count"] for result in (await outputs_of(whole, CORE + "execution.Count", count))["results"]] == [
        1,
        1,
    ]


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ("    startDate: '2026-01-01T00:00:00Z'\n", "You must provide a list of flows or namespaces."),
        (
            "    namespaces: []\n    startDate: '2026-01-01T00:00:00Z'\n",
            "You must provide a list of flows or namespaces.",
        ),
        (
            "    namespaces: [io.other]\n    startDate: '2026-01-01T00:00:00Z'\n",
            "is not open to the namespace 'io.test'",
        ),
        ("    namespaces: [io.test]\n    startDate: \"{{ '2026-01-01' }}\"\n", "rendered to a value that does not fit"),
        ("    namespaces: [io.test]\n    startDate: \"{{ '' }}\"\n", "`startDate` is empty"),
        (
            "    flows: ["
            + ", ".join(["{namespace: io.test, flowId: f}"] * 501)
            + "]\n    startDate: '2026-01-01T00:00:00Z'\n",
            "At most 500 flows",
        ),
    ],
)
async def test_counts_that_cannot_be(whole, properties, reason):
    properties += '    expression: "{{ count == 0 }}"\n'
    assert reason in await failure_of(whole, CORE + "execution.Count", properties)


@pytest.mark.usefixtures("open_namespaces")
async def test_executions_are_found_and_counted_with_every_condition(whole):
    parent = await existing(whole, namespace="io.other.deep")
    await existing(whole, labels=(Label("team", "a"),), state=State.FAILED)
    await existing(whole, flow_id="g", caller=Caller(parent.id, "r"), at=OLD + timedelta(days=2))
    await existing(whole, namespace="system", flow_id="s")

    async def found(properties):
        outputs = await outputs_of(whole, KESTRA + "executions.Query", f"    fetchType: FETCH\n{properties}")
        assert outputs["size"] == len(outputs["rows"])
        return {
            row["flowId"]
            for row in outputs["rows"]
            if row["flowRevision"] == 1 and row["state"]["startDate"] < "2026-03"
        }

    until = "    endDate: '2026-02-01T00:00:00Z'\n"
    assert await found(until) == {"hello", "f", "g", "s"} - {"hello"}
    assert await found(until + "    namespace: io.other\n") == {"f"}
    assert await found(until + "    flowScopes: [SYSTEM]\n") == {"s"}
    assert await found(until + "    flowScopes: [USER]\n    flowId: g\n") == {"g"}
    assert await found(until + "    states: [FAILED]\n") == {"f"}
    assert await found(until + "    labels: {team: \"{{ 'a' }}\"}\n") == {"f"}
    assert await found(until + "    labels: {team: b}\n") == set()
    assert await found(until + f"    triggerExecutionId: {parent.id}\n") == {"g"}
    assert await found(until + "    childFilter: CHILD\n") == {"g"}
    assert await found(until + "    childFilter: MAIN\n    flowId: g\n") == set()
    assert await found(until + "    startDate: '2026-01-02T00:00:00Z'\n") == {"g"}
    assert await found(until + "    timeRange: PT1H\n") == set()
    assert await outputs_of(whole, KESTRA + "executions.Count", until) == {"count": 4}
    assert await outputs_of(
        whole, KESTRA + "executions.Count", until + "    namespaces: [io.test]\n    flowId: f\n"
    ) == {"count": 1}
    outputs = await outputs_of(
        whole, KESTRA + "executions.Count", "    states: [FAILED]\n    startDate: '2026-01-01T00:00:00Z'\n"
    )
    assert outputs == {"count": 1}


@pytest.mark.usefixtures("open_namespaces")
async def test_found_executions_go_where_the_task_says(whole):
    rows = [await existing(whole, at=OLD + timedelta(hours=hour)) for hour in range(3)]
    base = "    flowId: f\n    endDate: '2026-02-01T00:00:00Z'\n    size: 2\n"
    outputs = await outputs_of(whole, KESTRA + "executions.Query", base)
    assert outputs["size"] == 2
    content = b"".join([chunk async for chunk in whole.stage.storage.get("main", outputs["uri"])]).decode()
    assert [read_ion(line, all_rows=False)["id"] for line in content.splitlines()] == [rows[2].id, rows[1].id]
    outputs = await outputs_of(whole, KESTRA + "executions.Query", base + "    page: 2\n    fetchType: FETCH_ONE\n")
    assert outputs["size"] == 1
    assert outputs["row"]["id"] == rows[0].id
    assert await outputs_of(whole, KESTRA + "executions.Query", base + "    page: 3\n    fetchType: FETCH_ONE\n") == {
        "size": 0
    }
    assert await outputs_of(whole, KESTRA + "executions.Query", base + "    fetchType: NONE\n") == {"size": 2}


@pytest.mark.parametrize(
    ("task", "properties", "reason"),
    [
        ("Query", "", "All namespaces together are not open"),
        ("Query", "    namespace: io.test\n", "in and below 'io.test' are not open"),
        ("Count", "", "All namespaces together are not open"),
        ("Count", "    namespaces: [io.other]\n", "is not open to the namespace"),
        ("Query", "    size: 1001\n", "`size` 1 to 1000"),
        ("Query", "    page: -1\n", "`page` must be 1 or more"),
        ("Query", "    timeRange: PT1H\n    startDate: '2026-01-01T00:00:00Z'\n", "mutually exclusive"),
        ("Query", "    tenantId: other\n", "`tenantId` names another tenant"),
        ("Query", "    kestraUrl: ftp://x\n", "must begin with http"),
        ("Query", "    kestraUrl: http://127.0.0.1:1\n", "GET /executions/search: ConnectError"),
        ("Query", "    kestraUrl: http://x\n    auth: {apiToken: a, username: b, password: c}\n", "give one of them"),
        ("Query", "    kestraUrl: http://x\n    auth: {username: b}\n", "`username` and `password` together"),
    ],
)
async def test_searches_that_cannot_be(whole, task, properties, reason):
    assert reason in await failure_of(whole, f"{KESTRA}executions.{task}", properties)


async def test_only_what_a_job_may_ask_is_answered(whole):
    worker = whole.stage.workers[0]
    execution_row = await whole.begin("  - id: t\n    type: test.Block\n")

    async def held():
        sessions = list(whole.stage.controller._sessions)
        return next((job for session in sessions for job in session.worker.held.values()), None)

    job = await whole.stage.until(held)
    to = await worker._link._control._connection()
    requests = {
        "holds no job": pb.AskRequest(token="x", verb="executions.count", arguments=b"{}"),
        "knows no verb 'executions.make'": pb.AskRequest(token=job.token, verb="executions.make", arguments=b"{}"),
        "cannot be read": pb.AskRequest(token=job.token, verb="executions.count", arguments=b"[]"),
        "cannot be read: Invalid": pb.AskRequest(
            token=job.token, verb="executions.count", arguments=b'{"states": ["LOUD"]}'
        ),
    }
    for reason, request in requests.items():
        with pytest.raises(Exception, match=reason):
            async for _ in to.stub.Ask(request, metadata=to.metadata):
                pass
    assert execution_row.id == job.execution_id
