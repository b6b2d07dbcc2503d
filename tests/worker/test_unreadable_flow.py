"""An execution whose stored flow is gone, or cannot be read any more, ends with a log line that says so."""

from datetime import UTC, datetime

import pytest
from whole import open_whole

from segue.domain.execution.model import FlowKey
from segue.domain.execution.state import State
from segue.ports.queue import Topic
from segue.ports.repositories.flows import StoredFlow
from segue.ports.repositories.logs import LogQuery

BROKEN = "id: broken\nnamespace: n\ntasks: [{id: a, type: io.kestra.plugin.core.flow.Switch}]\n"


@pytest.mark.parametrize("source", [None, BROKEN])
async def test_it_fails(tmp_path, source):
    async with open_whole(tmp_path) as whole:
        stage = whole.stage
        execution = await stage.execution(FlowKey("main", "n", "broken", 1))
        if source is not None:
            await save(stage, source)
        await stage.queue.publish(Topic.EXECUTIONS, [execution.id])
        row, _ = await whole.ended(execution.id)
        assert row.state is State.FAILED
        lines = await stage.database.logs.search(LogQuery(tenant="main", execution_id=execution.id))
        assert [line.message.partition(":")[0] for line in lines.items] == ["The flow of the execution cannot be read"]
        assert await stage.database.journal.parked() == []


async def save(stage, source):
    now = datetime.now(UTC)
    flow = StoredFlow(tenant="main", namespace="n", id="broken", revision=0, source=source, updated_at=now)
    await stage.database.flows.save(flow)
