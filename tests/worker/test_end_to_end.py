from stage import open_stage

from segue.domain.execution.state import State


async def test_a_log_task_writes_its_line_and_succeeds(tmp_path):
    async with open_stage(tmp_path) as stage:
        await stage.add_worker()
        flow = await stage.flow(
            "  - id: t\n    type: io.kestra.plugin.core.log.Log\n    message: Hello {{ inputs.who }}\n"
        )
        fact = await stage.run(flow, inputs={"who": "World"})
        assert fact.state is State.SUCCESS
        assert await stage.lines(fact.task_run_id) == ["INFO Hello World"]
        assert fact.started_at <= fact.ended_at
        assert stage.queue.published == [fact.task_run_id.rpartition("-")[0]]
