"""What tasks do on a worker: results, logs, outputs, rendering."""

import pytest
import worker_plugins
from stage import open_stage

from segue.domain.execution.model import ExecutionTrigger
from segue.domain.execution.state import State
from segue.domain.execution.task_run import OutputNeed, OutputReference
from segue.domain.labels import Label

CORE = "io.kestra.plugin.core."


@pytest.fixture
async def stage(tmp_path):
    worker_plugins.RELEASE.clear()
    async with open_stage(tmp_path) as stage:
        await stage.add_worker()
        yield stage
        worker_plugins.RELEASE.set()


async def test_a_log_task_writes_a_line_for_each_message_at_its_level(stage):
    flow = await stage.flow(
        f"  - id: t\n    type: {CORE}log.Log\n    level: WARN\n"
        '    message:\n      - one\n      - "{{ flow.id }} {{ task.id }} {{ 1 + 1 }}"\n'
    )
    fact = await stage.run(flow)
    assert fact.state is State.SUCCESS
    assert await stage.lines(fact.task_run_id) == ["WARN one", "WARN f t 2"]


async def test_lines_below_the_log_level_of_the_task_are_dropped(stage):
    flow = await stage.flow(f"  - id: t\n    type: {CORE}log.Log\n    logLevel: WARN\n    message: quiet\n")
    fact = await stage.run(flow)
    assert await stage.lines(fact.task_run_id) == []


async def test_return_gives_its_value_and_measures_it(stage):
    flow = await stage.flow(f'  - id: t\n    type: {CORE}debug.Return\n    format: "{{{{ task.type }}}}"\n')
    fact = await stage.run(flow)
    assert await stage.outputs(fact.task_run_id) == {"value": CORE + "debug.Return"}
    assert await stage.lines(fact.task_run_id) == [f"DEBUG {CORE}debug.Return"]
    assert [(metric.type, metric.name) for metric in stage.jobs.metrics] == [
        ("counter", "length"),
        ("timer", "duration"),
    ]
    assert stage.jobs.metrics[0].value == len(CORE + "debug.Return")


async def test_a_return_without_format_has_no_value(stage):
    fact = await stage.run(await stage.flow(f"  - id: t\n    type: {CORE}debug.Return\n"))
    assert await stage.outputs(fact.task_run_id) == {}


async def test_echo_logs_its_format(stage):
    flow = await stage.flow("  - id: t\n    type: io.kestra.core.tasks.debugs.Echo\n    format: hi\n    level: ERROR\n")
    fact = await stage.run(flow)
    assert await stage.lines(fact.task_run_id) == ["ERROR hi"]


async def test_output_values_keep_structures_and_render_texts(stage):
    flow = await stage.flow(
        f"  - id: t\n    type: {CORE}output.OutputValues\n    values:\n"
        '      text: "{{ inputs.n + 1 }}"\n      number: 3\n      list: ["{{ inputs.n }}", true]\n'
    )
    fact = await stage.run(flow, inputs={"n": 4})
    assert await stage.outputs(fact.task_run_id) == {"values": {"text": "5", "number": 3, "list": ["4", True]}}


@pytest.mark.parametrize(
    ("properties", "state", "lines"),
    [
        ("", State.FAILED, ["ERROR Task failure"]),
        ("    errorMessage: 'no {{ flow.id }}'\n", State.FAILED, ["ERROR no f"]),
        ("    condition: '{{ 1 == 2 }}'\n", State.SUCCESS, []),
        ("    condition: '{{ 1 == 1 }}'\n", State.FAILED, ["ERROR Task failure", "ERROR Fail on a condition"]),
    ],
    ids=["always", "own-message", "condition-false", "condition-true"],
)
async def test_fail_fails_when_it_should(stage, properties, state, lines):
    fact = await stage.run(await stage.flow(f"  - id: t\n    type: {CORE}execution.Fail\n{properties}"))
    assert fact.state is state
    assert await stage.lines(fact.task_run_id) == lines


async def test_sleep_waits_and_says_so(stage):
    fact = await stage.run(await stage.flow(f"  - id: t\n    type: {CORE}flow.Sleep\n    duration: PT0.15S\n"))
    assert (fact.ended_at - fact.started_at).total_seconds() >= 0.15
    assert await stage.lines(fact.task_run_id) == ["INFO Waiting for PT0.15S"]
    assert [type(one).__name__ for one in await stage.facts(fact.task_run_id)] == ["TaskStarted", "TaskFinished"]


async def test_a_template_that_fails_is_the_error_of_the_task(stage):
    flow = await stage.flow(f'  - id: t\n    type: {CORE}log.Log\n    message: "{{{{ inputs.nothing }}}}"\n')
    fact = await stage.run(flow, inputs={"a": 1})
    assert fact.state is State.FAILED
    assert "nothing" in fact.message
    assert await stage.lines(fact.task_run_id) == [f"ERROR {fact.message}"]


async def test_an_exception_is_logged_with_its_trace_and_without_secrets(stage):
    fact = await stage.run(await stage.flow("  - id: t\n    type: test.Raise\n"))
    assert (fact.state, fact.message) == (State.FAILED, "no way with ******")
    debug, error = await stage.lines(fact.task_run_id)
    assert "Traceback" in debug
    assert error == "ERROR no way with ******"
    assert "hunter2" not in debug


async def test_even_a_system_exit_ends_as_a_failure(stage):
    fact = await stage.run(await stage.flow("  - id: t\n    type: test.Raise\n    kind: exit\n"))
    assert fact.state is State.FAILED


async def test_a_task_may_end_as_warning_with_outputs(stage):
    fact = await stage.run(await stage.flow("  - id: t\n    type: test.Raise\n    kind: warning\n"))
    assert (fact.state, fact.message) == (State.WARNING, "half done")
    assert await stage.outputs(fact.task_run_id) == {"rows": 3}


async def test_the_roots_of_expressions_are_there(stage):
    flow = await stage.flow(
        "  - id: t\n    type: test.Context\n    values:\n"
        '      execution: "{{ execution.id }} {{ execution.state }}"\n'
        '      flow: "{{ flow.namespace }}.{{ flow.id }}@{{ flow.revision }} {{ flow.tenantId }}"\n'
        '      label: "{{ labels.system.team }} {{ labels.a }}"\n'
        '      trigger: "{{ trigger.body.x }} {{ trigger._context.id }}"\n'
        '      vars: "{{ vars.one }} {{ vars.deep.a }} {{ vars.deep.b }}"\n'
        '      taskrun: "{{ taskrun.id }}"\n',
        head="variables:\n  one: 1\n  deep: {a: 1, b: 2}",
    )
    execution = await stage.execution(
        flow,
        labels=(Label("system.team", "x"), Label("a", "b")),
        trigger=ExecutionTrigger("hook", "some.Webhook", {"body": {"x": 7}}),
        variables={"one": 1, "deep": {"a": 1, "b": 3}},
    )
    run = await stage.submit(execution, "t", {"taskrun": {"id": "own"}})
    fact = await stage.finished(run)
    assert fact.message is None
    assert await stage.outputs(run) == {
        "execution": f"{execution.id} CREATED",
        "flow": "io.test.f@1 main",
        "label": "x b",
        "trigger": "7 hook",
        "vars": "1 1 3",
        "taskrun": "own",
    }


async def test_outputs_of_other_tasks_come_with_the_job(stage):
    flow = await stage.flow(
        '  - id: t\n    type: test.Context\n    values:\n      a: "{{ outputs.first.value }}"\n'
        "      b: \"{{ outputs.each['x'].value }}\"\n"
    )
    execution = await stage.execution(flow)
    first, each = f"{execution.id}-100", f"{execution.id}-101"
    await stage.store_outputs(first, b'{"value":1}')
    await stage.store_outputs(each, b'{"value":"of x"}')
    needs = (
        OutputNeed(first, "first", (), OutputReference(11, "")),
        OutputNeed(each, "each", ("x",), OutputReference(16, "")),
    )
    run = await stage.submit(execution, "t", outputs=needs)
    await stage.finished(run)
    assert await stage.outputs(run) == {"a": "1", "b": "of x"}


async def test_large_outputs_of_other_tasks_are_fetched_when_they_are_named(stage):
    flow = await stage.flow(
        "  - id: big\n    type: test.Big\n    size: 200000\n"
        '  - id: async\n    type: test.Context\n    values: {n: "{{ outputs.big.text | length }}"}\n'
        f'  - id: instant\n    type: {CORE}log.Log\n    message: ["first", "{{{{ outputs.big.text | length }}}}"]\n',
    )
    execution = await stage.execution(flow)
    produced = await stage.finished(await stage.submit(execution, "big"))
    assert produced.outputs.uri.endswith("/outputs.json")
    needs = (OutputNeed(produced.task_run_id, "big", (), produced.outputs),)
    run = await stage.submit(execution, "async", outputs=needs)
    assert (await stage.finished(run)).message is None
    assert await stage.outputs(run) == {"n": "200000"}
    run = await stage.submit(execution, "instant", outputs=needs)
    await stage.finished(run)
    assert await stage.lines(run) == ["INFO first", "INFO 200000"]


async def test_an_output_of_twenty_megabytes_goes_to_storage(stage):
    fact = await stage.run(await stage.flow("  - id: t\n    type: test.Big\n    size: 20000000\n"))
    execution = fact.task_run_id.rpartition("-")[0]
    assert fact.state is State.SUCCESS
    assert fact.outputs.size == 20_000_011
    assert fact.outputs.uri == f"kestra:///io/test/f/executions/{execution}/tasks/t/{fact.task_run_id}/outputs.json"
    assert await stage.storage.size("main", fact.outputs.uri) == fact.outputs.size


async def test_files_are_written_and_read_through_the_controller(stage):
    fact = await stage.run(await stage.flow("  - id: t\n    type: test.Store\n"))
    assert fact.message is None
    assert (await stage.outputs(fact.task_run_id))["size"] == 300_000


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("kestra:///io/test/f/executions/OTHER/tasks/t/OTHER-1/data", "not related"),
        ("kestra:///io/other/_files/a.txt", "not open to the namespace"),
        ("kestra:///io/test/../x/_files/a.txt", "no plain URI"),
        ("kestra:///etc/passwd", "belongs to no execution"),
        ("kestra:///io/test/_files/missing.txt", "no file"),
    ],
)
async def test_files_of_others_cannot_be_read(stage, uri, message):
    other = await stage.execution(await stage.flow("  - id: t\n    type: test.Store\n", name="x"))
    uri = uri.replace("OTHER", other.id)
    if "OTHER" in uri:
        await stage.store_file(uri, b"secret")
    fact = await stage.run(await stage.flow(f"  - id: t\n    type: test.Copy\n    uri: {uri}\n"))
    assert fact.state is State.FAILED
    assert message in fact.message


async def test_files_of_the_own_namespace_and_of_related_executions_can_be_read(stage):
    await stage.store_file("kestra:///io/test/_files/a.txt", b"12345")
    fact = await stage.run(
        await stage.flow("  - id: t\n    type: test.Copy\n    uri: kestra:///io/test/_files/a.txt\n")
    )
    assert await stage.outputs(fact.task_run_id) == {"size": 5}
    chain = (Label("system.correlationId", "same"),)
    parent = await stage.execution(await stage.flow("  - id: t\n    type: test.Store\n", name="parent"), labels=chain)
    uri = f"kestra:///io/test/parent/executions/{parent.id}/tasks/t/{parent.id}-1/a"
    await stage.store_file(uri, b"123")
    fact = await stage.run(
        await stage.flow(f"  - id: t\n    type: test.Copy\n    uri: {uri}\n", name="c"), labels=chain
    )
    assert await stage.outputs(fact.task_run_id) == {"size": 3}


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ("  - id: t\n    type: test.Unknown\n", "knows no plugin of the type 'test.Unknown'"),
        (f"  - id: t\n    type: {CORE}log.Log\n", "message: must not be null"),
        (f"  - id: t\n    type: {CORE}log.Log\n    message: a\n    level: LOUD\n", "level: must be"),
        ("  - id: other\n    type: test.Store\n", "Can't find task 't'"),
        ("  - id: t\n    type: [x\n", "Illegal flow yaml"),
    ],
    ids=["type", "missing-property", "wrong-property", "no-such-task", "syntax"],
)
async def test_a_task_that_cannot_be_made_fails_with_the_reason(stage, tasks, message):
    fact = await stage.run(await stage.flow(tasks))
    assert fact.state is State.FAILED
    assert message in fact.message
    assert await stage.lines(fact.task_run_id) == [f"ERROR {fact.message}"]


async def test_unknown_properties_of_stored_flows_are_ignored(stage):
    fact = await stage.run(await stage.flow(f"  - id: t\n    type: {CORE}log.Log\n    message: a\n    colour: red\n"))
    assert fact.state is State.SUCCESS


async def test_long_lines_are_cut_and_numbered(stage):
    flow = await stage.flow(f'  - id: t\n    type: {CORE}log.Log\n    message: "{{{{ inputs.text }}}}"\n')
    fact = await stage.run(flow, inputs={"text": "a" * 32_000 + "b" * 5})
    assert [len(line) for line in await stage.lines(fact.task_run_id)] == [32_005, 10]


async def test_many_lines_of_many_threads_all_arrive_once(stage):
    flow = await stage.flow("  - id: t\n    type: test.Chatty\n    lines: 2000\n")
    runs = [await stage.submit(await stage.execution(flow), "t") for _ in range(8)]
    for run in runs:
        await stage.finished(run)
        assert await stage.lines(run) == [f"INFO line {number}" for number in range(2000)]


async def test_a_log_that_grows_too_large_is_cut_off(tmp_path):
    async with open_stage(tmp_path) as stage:
        await stage.add_worker(log_lines=10)
        fact = await stage.run(await stage.flow("  - id: t\n    type: test.Chatty\n    lines: 50\n"))
        lines = await stage.lines(fact.task_run_id)
        assert len(lines) == 11
        assert "is full" in lines[-1]
