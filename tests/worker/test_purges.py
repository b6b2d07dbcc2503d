"""Tasks that remove what is old, through the worker and the controller."""

import asyncio
import os
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from test_platform import CORE, OLD, existing, failure_of, outputs_of
from whole import open_whole

from segue.domain.execution.facts import KillRequested
from segue.domain.execution.logs import LogLevel
from segue.domain.execution.model import Caller, ExecutionKind, FlowKey, execution_folder
from segue.domain.execution.state import State
from segue.domain.kv import content_of
from segue.domain.labels import CORRELATION_ID, Label
from segue.domain.namespaces import NamespaceAccess
from segue.ports.queue import Topic
from segue.ports.repositories.flows import StoredFlow
from segue.ports.repositories.kv import KvWrite
from segue.ports.repositories.logs import LogQuery
from segue.testing.samples import ended, execution, line

UNTIL = "    endDate: '2026-02-01T00:00:00Z'\n"


@pytest.fixture
async def whole(tmp_path):
    async with open_whole(tmp_path) as opened:
        opened.stage.access._namespaces = NamespaceAccess.ALL
        yield opened


@pytest.fixture
def narrow(whole):
    """Only the own namespace and those above it are open."""
    whole.stage.access._namespaces = NamespaceAccess.ANCESTORS


async def pieces(content=b"x"):
    yield content


async def with_files(whole, row, *names):
    folder = execution_folder(row)
    return [(await whole.stage.storage.put("main", f"{folder}/{name}", pieces())).uri for name in names]


async def left(whole, rows):
    found = await whole.stage.database.executions.get_many([row.id for row in rows])
    return [row.id in found for row in rows]


async def test_executions_go_with_all_that_hangs_on_them(whole):
    row = await existing(whole)
    child = await existing(whole, id=f"{row.id}-1", kind=ExecutionKind.LOOP, caller=Caller(row.id, "r"))
    files = await with_files(whole, row, "a", "tasks/b", f"iterations/{child.id}/c")
    await whole.stage.database.logs.append([line(execution_id=row.id), line(execution_id=child.id)])
    outputs = await outputs_of(whole, CORE + "execution.PurgeExecutions", UNTIL)
    assert outputs == {
        "executionsCount": 1,
        "logsCount": 2,
        "metricsCount": 0,
        "storagesCount": 3,
        "taskOutputsCount": 0,
    }
    assert await left(whole, [row, child]) == [False, False]
    assert not any([await whole.stage.storage.exists("main", uri) for uri in files])


async def test_every_slice_is_purged_and_the_conditions_hold(whole):
    rows = [await existing(whole, at=OLD + timedelta(hours=hour)) for hour in range(7)]
    others = [
        await existing(whole, at=OLD + timedelta(days=60)),
        await existing(whole, namespace="io.tests"),
        await existing(whole, state=State.FAILED),
        await existing(whole, flow_id="g"),
        await existing(whole, at=OLD - timedelta(days=1)),
    ]
    outputs = await outputs_of(
        whole,
        "io.kestra.core.tasks.storages.Purge",
        UNTIL + "    startDate: '2026-01-01T00:00:00Z'\n    namespace: io.test\n    flowId: f\n    states: [SUCCESS]\n"
        "    batchSize: 3\n",
    )
    assert outputs["executionsCount"] == 7
    assert await left(whole, rows) == [False] * 7
    assert await left(whole, others) == [True] * 5
    below = await existing(whole, namespace="io.test.below")
    assert (await outputs_of(whole, CORE + "execution.PurgeExecutions", UNTIL + "    namespace: io.test\n"))[
        "executionsCount"
    ] == 4
    assert await left(whole, [*others, below]) == [True, True, False, False, False, False]


async def test_parts_can_be_kept(whole):
    row = await existing(whole)
    await with_files(whole, row, "a")
    await whole.stage.database.logs.append([line(execution_id=row.id)])
    keep = "    purgeExecution: false\n    purgeStorage: false\n    purgeMetric: false\n"
    outputs = await outputs_of(whole, CORE + "execution.PurgeExecutions", UNTIL + keep)
    assert (outputs["executionsCount"], outputs["logsCount"], outputs["storagesCount"]) == (0, 1, 0)
    assert await left(whole, [row]) == [True]
    outputs = await outputs_of(whole, CORE + "execution.PurgeExecutions", UNTIL + "    purgeStorage: false\n")
    assert (outputs["executionsCount"], outputs["storagesCount"]) == (1, 0)
    assert await whole.stage.storage.exists("main", f"{execution_folder(row)}/a")


async def test_running_executions_go_too_but_not_those_the_task_belongs_to(whole):
    running = await whole.begin("  - id: t\n    type: test.Block\n")

    async def is_held():
        return any(
            job.execution_id == running.id for s in whole.stage.controller._sessions for job in s.worker.held.values()
        )

    await whole.stage.until(is_held)
    outputs = await outputs_of(whole, CORE + "execution.PurgeExecutions", '    endDate: "{{ now() }}"\n')
    assert outputs["executionsCount"] == 1
    assert await left(whole, [running]) == [False]

    async def is_free():
        return not await is_held()

    await whole.stage.until(is_free)
    assert await left(whole, [running]) == [False]
    waiting = await existing(whole, state=State.RUNNING)
    over = await existing(whole, labels=(Label(CORRELATION_ID, waiting.id),))
    properties = '    endDate: "{{ now() }}"\n'
    label = (Label(CORRELATION_ID, waiting.id),)
    row, runs = await whole.run(f"  - id: t\n    type: {CORE}execution.PurgeExecutions\n{properties}", labels=label)
    assert row.state is State.SUCCESS
    assert (await whole.stage.outputs(runs["t"].id))["executionsCount"] == 2
    assert await left(whole, [waiting, over]) == [True, False]


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize(
    ("task", "properties", "reason"),
    [
        ("execution.PurgeExecutions", UNTIL, "All namespaces together are not open"),
        ("execution.PurgeExecutions", UNTIL + "    namespace: io.test\n", "in and below 'io.test' are not open"),
        ("execution.PurgeExecutions", UNTIL + "    namespace: io.x\n    flowId: f\n", "'io.x' is not open"),
        ("execution.PurgeExecutions", "    endDate: \"{{ '' }}\"\n", "`endDate` is empty"),
        ("execution.PurgeExecutions", "    endDate: \"{{ 'x' }}\"\n", "rendered to a value that does not fit"),
        ("execution.PurgeExecutions", UNTIL + "    batchSize: 501\n", "`batchSize` must be 1 to 500"),
        ("log.PurgeLogs", UNTIL, "All namespaces together are not open"),
        ("log.PurgeLogs", UNTIL + "    executionId: none\n", "There is no execution 'none'"),
        ("storage.PurgeStorage", UNTIL, "All namespaces together are not open"),
        ("storage.PurgeStorage", UNTIL + "    flowId: f\n", "'namespace' is required when 'flowId' is set."),
        ("storage.PurgeStorage", UNTIL + "    namespace: ../x\n    flowId: f\n", "is not open"),
        ("flow.PurgeFlows", "    flowId: f\n", "`namespace` is required when `flowId` is set"),
        ("flow.PurgeFlows", "", "All namespaces together are not open"),
        ("kv.PurgeKV", "    namespaces: [io.other]\n", "'io.other' is not open"),
        ("kv.PurgeKV", "    namespaces: ['a b']\n", "Illegal namespace"),
        ("namespace.PurgeFiles", "    namespaces: [io.other]\n", "'io.other' is not open"),
    ],
)
async def test_purges_that_may_not_be(whole, task, properties, reason):
    assert reason in await failure_of(whole, CORE + task, properties)


async def test_the_own_flow_can_be_purged_wherever_access_is_narrow(whole, narrow):
    rows = [await existing(whole), await existing(whole, namespace="io.test.below")]
    properties = UNTIL + "    namespace: io.test\n    flowId: f\n"
    assert (await outputs_of(whole, CORE + "execution.PurgeExecutions", properties))["executionsCount"] == 1
    assert await left(whole, rows) == [False, True]


async def test_log_lines_go_by_level_date_and_place(whole):
    at = datetime(2026, 1, 10, tzinfo=UTC)
    place = {"namespace": "io.test", "flow_id": "f", "at": at}
    lines = [
        line(execution_id="a", level=LogLevel.DEBUG, **place),
        line(execution_id="a", level=LogLevel.ERROR, **place),
        line(execution_id="b", **place),
        line(trigger_id="t", **place),
        line(execution_id="c", **(place | {"namespace": "io.test.below"})),
        line(execution_id="d", **(place | {"at": at + timedelta(days=60)})),
    ]
    await whole.stage.database.logs.append(lines)

    async def purged(properties):
        outputs = await outputs_of(whole, CORE + "log.PurgeLogs", UNTIL + properties)
        assert outputs["count"] == outputs["executionLogsCount"] + outputs["nonExecutionLogsCount"]
        return outputs["executionLogsCount"], outputs["nonExecutionLogsCount"]

    assert await purged("    logLevels: [TRACE, DEBUG]\n") == (1, 0)
    assert await purged("    startDate: '2026-01-11T00:00:00Z'\n") == (0, 0)
    assert await purged("    executionId: a\n    namespace: io.test\n") == (1, 0)
    assert await purged("    namespace: io.test\n    flowId: f\n    purgeNonExecutionLogs: false\n") == (1, 0)
    assert await purged("    namespace: io.test\n    purgeExecutionLogs: false\n") == (0, 1)
    assert await purged("    batchSize: 7\n") == (1, 0)
    found, _ = await whole.stage.database.logs.lines(LogQuery(tenant="main", execution_id="d"))
    assert len(found) == 1


async def test_more_lines_than_a_slice_has(whole):
    await whole.stage.database.logs.append([line(execution_id="a", at=OLD) for _ in range(5001)])
    assert (await outputs_of(whole, CORE + "log.PurgeLogs", UNTIL))["count"] == 5001


@pytest.mark.usefixtures("narrow")
async def test_files_of_the_own_execution_go(whole):
    row, runs = await whole.run(
        f"  - id: w\n    type: {CORE}storage.Write\n    content: x\n"
        f"  - id: t\n    type: io.kestra.core.tasks.storages.PurgeExecution\n"
        f"  - id: none\n    type: {CORE}storage.PurgeCurrentExecutionFiles\n"
    )
    other = await existing(whole)
    (kept,) = await with_files(whole, other, "a")
    assert row.state is State.SUCCESS
    uri = (await whole.stage.outputs(runs["w"].id))["uri"]
    assert await whole.stage.outputs(runs["t"].id) == {"uris": [uri]}
    assert await whole.stage.outputs(runs["none"].id) == {"uris": []}
    assert not await whole.stage.storage.exists("main", uri)
    assert await whole.stage.storage.exists("main", kept)


async def test_files_go_by_date_also_those_of_executions_that_are_gone(whole, tmp_path):
    storage = whole.stage.storage
    orphans = [f"kestra:///io/gone/old-flow/executions/e1/tasks/t/r/{name}" for name in "ab"]
    others = [
        "kestra:///io/gone/_files/executions/e1/x",
        "kestra:///io/gone/old-flow/t/cache/cache.zip",
        "kestra:///io/gonex/f/executions/e2/y",
    ]
    for uri in (*orphans, *others):
        await storage.put("main", uri, pieces())
        old = datetime(2026, 1, 10, tzinfo=UTC).timestamp()
        os.utime(tmp_path / "storage" / "main" / uri.removeprefix("kestra:///"), (old, old))
    await storage.put("main", orphans[0] + "-new", pieces())

    async def purged(properties):
        return list((await outputs_of(whole, CORE + "storage.PurgeStorage", UNTIL + properties)).values())

    assert await purged("    namespace: io.gone\n") == [3, 2, 0]
    assert await purged("    namespace: io.gone\n    flowId: other\n    dryRun: false\n") == [0, 0, 0]
    assert await purged("    startDate: '2026-01-11T00:00:00Z'\n    dryRun: false\n") == [4, 0, 0]
    assert await purged("    namespace: io.gone\n    flowId: old-flow\n    dryRun: false\n") == [3, 2, 2]
    assert [await storage.exists("main", uri) for uri in orphans] == [False, False]
    assert all([await storage.exists("main", uri) for uri in (*others, orphans[0] + "-new")])
    measured = {metric.name: metric.value for metric in whole.stage.jobs.metrics[-3:]}
    assert measured == {"scanned": 3, "purged": 2, "deleted.files": 2}


async def set_key(whole, key, namespace="io.test", **fields):
    given = {"tenant": "main", "namespace": namespace, "key": key, "content": content_of(1), "at": OLD} | fields
    await whole.stage.database.kv.put(KvWrite(**given))


async def a_flow(whole, namespace, flow_id="x", revisions=1, at=OLD, **fields):
    for number in range(revisions):
        await whole.stage.database.flows.save(
            StoredFlow(
                tenant="main",
                namespace=namespace,
                id=flow_id,
                revision=0,
                source=f"id: {flow_id}\nnamespace: {namespace}\ndescription: n{number}\ntasks: []\n",
                updated_at=at + timedelta(days=number),
                **fields,
            )
        )


async def keys_left(whole, namespace="io.test"):
    names = [(namespace, f"{letter}{number}") for letter in "ab" for number in range(3)]
    return {key for _, key in await whole.stage.database.kv.get_many("main", names)}


async def test_expired_keys_go(whole):
    await a_flow(whole, "io.test")
    await set_key(whole, "a1", expires_at=OLD + timedelta(hours=1))
    await set_key(whole, "b1", expires_at=OLD + timedelta(hours=1))
    await set_key(whole, "a2")
    await set_key(whole, "a1", namespace="io.none", expires_at=OLD + timedelta(hours=1))
    assert await outputs_of(whole, CORE + "kv.PurgeKV", "    keyPattern: 'a?'\n") == {"size": 1}
    assert await outputs_of(whole, CORE + "kv.PurgeKV", "") == {"size": 1}
    assert await keys_left(whole) == {"a2"}
    assert await keys_left(whole, "io.none") == {"a1"}
    assert await outputs_of(whole, CORE + "kv.PurgeKV", "    namespaces: [io.none]\n") == {"size": 1}
    old_form = "    expiredOnly: false\n    behavior: {type: version, keepAmount: 1}\n"
    assert await outputs_of(whole, CORE + "kv.PurgeKV", old_form) == {"size": 1}
    assert await keys_left(whole) == set()


async def test_old_versions_of_keys_go(whole):
    for namespace in ("io.test", "io.test.below", "io.tests", "io.other"):
        await a_flow(whole, namespace)
        for day in range(3):
            await set_key(whole, "a1", namespace=namespace, at=OLD + timedelta(days=day))
    version = "    behavior: {type: version, keepAmount: 2}\n"
    assert await outputs_of(whole, CORE + "kv.PurgeKV", version + "    namespacePattern: 'io.t??t'\n") == {"size": 1}
    assert await outputs_of(whole, CORE + "kv.PurgeKV", version + "    namespaces: [io.test]\n") == {"size": 2}
    exact = "    namespaces: [io.test]\n    includeChildNamespaces: false\n"
    before = "    behavior: {type: version, before: \"{{ '2026-01-02T12:00:00Z' }}\"}\n"
    assert await outputs_of(whole, CORE + "kv.PurgeKV", before + exact) == {"size": 1}
    assert await outputs_of(whole, CORE + "kv.PurgeKV", before) == {"size": 4}
    for namespace in ("io.test", "io.test.below", "io.tests", "io.other"):
        assert (await whole.stage.database.kv.get("main", namespace, "a1")).version == 3


@pytest.mark.parametrize("task", ["kv.PurgeKV", "namespace.PurgeFiles"])
@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ("    namespaces: [a]\n    namespacePattern: b\n", "can't be used at the same time"),
        (
            "    behavior: {type: version, keepAmount: 1, before: '2026-01-01T00:00:00Z'}\n",
            "Cannot set both 'before' and 'keepAmount' properties",
        ),
        ("    behavior: {type: version, keepAmount: 0}\n", "greater than or equal to 1"),
        ("    behavior: {type: all}\n", "behavior"),
        ("    behavior: {type: key, keepAmount: 1}\n", "type 'version'"),
    ],
)
async def test_purges_that_mean_nothing(whole, task, properties, reason):
    assert reason in await failure_of(whole, CORE + task, properties)


async def test_old_versions_of_namespace_files_go(whole):
    await a_flow(whole, "io.test")
    files = whole.stage.files
    written = [await files.write("main", "io.test", "q/a.sql", pieces(b"%d" % number)) for number in range(3)]
    await files.write("main", "io.test", "b.txt", pieces())
    await files.write("main", "io.test", "b.txt", pieces())
    await files.delete("main", "io.test", "b.txt")
    two = "    behavior: {type: version, keepAmount: 2}\n"
    assert await outputs_of(whole, CORE + "namespace.PurgeFiles", two + "    filePattern: '**/*.sql'\n") == {"size": 1}
    assert not await whole.stage.storage.exists("main", written[0].uri)
    assert await outputs_of(whole, CORE + "namespace.PurgeFiles", "") == {"size": 3}
    assert await whole.stage.storage.exists("main", written[2].uri)
    assert (await files.get("main", "io.test", "q/a.sql")).revision == 3
    before = "    behavior: {type: version, before: '2026-01-01T00:00:00Z'}\n"
    assert await outputs_of(whole, CORE + "namespace.PurgeFiles", before) == {"size": 0}


async def test_old_revisions_of_flows_go(whole):
    await a_flow(whole, "io.deep", revisions=5)
    await a_flow(whole, "io.deep", "y", revisions=2)
    await a_flow(whole, "io.deep", "y", revisions=3, draft=True, at=OLD + timedelta(days=9))
    await a_flow(whole, "io.other", revisions=3)

    async def kept(namespace, flow_id="x"):
        return [flow.revision for flow in await whole.stage.database.flows.revisions("main", namespace, flow_id)]

    three = "    behavior: {keepAmount: 3}\n"
    assert await outputs_of(whole, CORE + "flow.PurgeFlows", three + "    namespace: io.deep\n    flowId: x\n") == {
        "size": 2
    }
    assert await kept("io.deep") == [3, 4, 5]
    before = "    behavior: {before: '2026-01-04T00:00:00Z'}\n"
    assert await outputs_of(whole, CORE + "flow.PurgeFlows", before + "    namespace: io.deep\n") == {"size": 2}
    assert await kept("io.deep") == [4, 5]
    assert await kept("io.deep", "y") == [2, 3, 4, 5]
    key = FlowKey("main", "io.deep", "y", 3)
    await whole.stage.database.executions.create([execution(key, kind=ExecutionKind.TEST)])
    await whole.stage.database.executions.create([ended(execution(msgspec.structs.replace(key, revision=4)))])
    outputs = await outputs_of(whole, CORE + "flow.PurgeFlows", "    namespace: io\n")
    assert await kept("io.deep", "y") == [2, 3, 5]
    assert await kept("io.other") == [3]
    assert outputs["size"] == 1 + 1 + 2 + 2  # x, y, other, and the flow of these tasks


async def test_a_purge_can_be_killed_between_its_slices(whole):
    rows = [await existing(whole, at=OLD + timedelta(minutes=minute)) for minute in range(60)]
    slices = 0
    purge = whole.stage.database.executions.purge

    async def slow(*arguments):
        nonlocal slices
        slices += 1
        await asyncio.sleep(0.1)
        return await purge(*arguments)

    whole.stage.rows.purge = slow
    begun = await whole.begin(f"  - id: t\n    type: {CORE}execution.PurgeExecutions\n{UNTIL}    batchSize: 1\n")
    await whole.stage.until(lambda: slices > 1)
    await whole.stage.database.executions.submit([(begun.id, KillRequested(datetime.now(UTC)), "kill")])
    await whole.stage.queue.publish(Topic.EXECUTIONS, [begun.id])
    row, _ = await whole.ended(begun.id)
    assert row.state is State.KILLED
    gone = (await left(whole, rows)).count(False)
    assert 1 <= gone < len(rows)
    await asyncio.sleep(0.5)
    assert (await left(whole, rows)).count(False) <= gone + 1
