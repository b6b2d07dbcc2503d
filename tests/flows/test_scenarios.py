"""The reference scenarios, run by a real server on every combination of database and queue."""

import asyncio

import pytest

from tests.flows.scenarios import NAMESPACE, SCENARIOS, Scenario
from tests.processes import ServerProcess
from tests.rest import Json, RestClient, has_settled, histories, said, summary, task_states

Ends = dict[str, tuple[Json, list[Json]]]


@pytest.fixture(scope="session")
def ends(server: ServerProcess) -> Ends:
    """Every scenario's execution with its log lines: all of them run side by side."""
    return asyncio.run(_run_all(server.addresses.http))


async def _run_all(url: str) -> Ends:
    async with RestClient(url) as client:
        await client.deploy(*(scenario.source for scenario in SCENARIOS))
        started = await asyncio.gather(*(client.start(NAMESPACE, each.flow_id, each.inputs) for each in SCENARIOS))
        ended = await asyncio.gather(*(_end(client, execution["id"]) for execution in started))
        logs = await asyncio.gather(*(client.logs(execution["id"]) for execution in started))
    return {each.name: (end, lines) for each, end, lines in zip(SCENARIOS, ended, logs, strict=True)}


async def _end(client: RestClient, execution_id: str) -> Json:
    try:
        return await client.wait(execution_id, has_settled, seconds=25)
    except AssertionError:  # its own test fails, the others are not concerned
        return await client.get(execution_id)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.flow_id)
def test_scenario(ends: Ends, scenario: Scenario) -> None:
    execution, lines = ends[scenario.name]
    messages = said(lines)
    told = f"{summary(execution)}\n{messages}"
    assert execution["state"]["current"] == scenario.state, told
    assert task_states(execution) == scenario.expected_runs, told
    attempts = {run["taskId"]: len(run.get("attempts", ())) for run in execution.get("taskRunList", ())}
    assert {task: attempts[task] for task in scenario.attempts} == scenario.attempts
    if scenario.outputs is not None:
        assert execution["outputs"] == scenario.outputs
    if scenario.says is not None:
        assert messages == list(scenario.says)
    if scenario.history is not None:
        assert histories(execution["state"]) == scenario.history.split()


def test_histories_begin_once_and_end_once(ends: Ends) -> None:
    for execution, _ in ends.values():
        for run in execution["taskRunList"]:
            states = histories(run["state"])
            ending = [state for state in states if state in {"SUCCESS", "WARNING", "FAILED", "SKIPPED"}]
            assert states[0] == "CREATED"
            assert len(ending) == 1 or "RETRYING" in states, (run["taskId"], states)


def test_parallel_tasks_run_at_the_same_time(ends: Ends) -> None:
    execution, _ = ends["parallel"]
    runs = {run["taskId"]: run["state"] for run in execution["taskRunList"]}
    assert runs["a"]["startDate"] < runs["b"]["endDate"]
    assert runs["b"]["startDate"] < runs["a"]["endDate"]
