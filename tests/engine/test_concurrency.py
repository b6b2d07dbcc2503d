"""Limits of executions that run at a time: slots, queues, and everything that frees them (flow language 2.7)."""

from datetime import timedelta

import pytest

from segue.domain.engine.needs import SlotNeed
from segue.domain.execution.creation import StartRequest, create_execution
from segue.domain.execution.facts import Created, KillRequested, SlotGranted
from segue.domain.execution.requests import (
    ForceRunRequested,
    PauseRequested,
    ReplayRequested,
    RestartRequested,
    ResumeRequested,
    UnqueueRequested,
)
from segue.domain.execution.slots import SlotAnswer
from segue.domain.execution.state import State
from segue.testing.world import START, World

FLOW = """
id: f
namespace: n
concurrency: {limit: %s, behavior: %s}
tasks: [{id: t, type: x.Log}]
%s
"""
FREE = "{id: f, namespace: n, tasks: [{id: t, type: x.Log}]}"


def crowd(count: int, limit: int = 1, behavior: str = "QUEUE", more: str = "") -> World:
    """Executions 0 to ``count`` of a flow with a limit, started a second apart; no task answers."""
    world = World(answer=lambda job, world: None)
    flow = world.deploy(FLOW % (limit, behavior, more))
    for number in range(count):
        world.start(flow, execution_id=str(number))
        world.settle(timers=False)
        world.wait(seconds=1)
    return world


def states(world: World) -> list[str]:
    return [execution.state.value for execution in world.executions.values()]


def finish(world: World, execution_id: str, state: State = State.SUCCESS) -> None:
    (job,) = [job for job in world.jobs.values() if job.execution_id == execution_id]
    world.finish(job, state)
    world.settle(timers=False)


def kill(world: World, execution_id: str) -> None:
    world.tell(execution_id, KillRequested(START))
    world.settle(timers=False)


def test_those_above_the_limit_wait_and_go_on_in_order():
    world = crowd(4, limit=2)
    assert states(world) == ["RUNNING", "RUNNING", "QUEUED", "QUEUED"]
    finish(world, "1")
    assert states(world) == ["RUNNING", "SUCCESS", "RUNNING", "QUEUED"]
    finish(world, "0", State.FAILED)
    finish(world, "2")
    finish(world, "3")
    assert states(world) == ["FAILED", "SUCCESS", "SUCCESS", "SUCCESS"]
    assert world.histories("3") == "CREATED QUEUED RUNNING SUCCESS"
    assert world.histories("0") == "CREATED RUNNING FAILED"
    assert world.slots.held["main/n/f"] == {}
    assert world.executions["0"].concurrency_scopes == ("main/n/f",)


@pytest.mark.parametrize(("behavior", "end"), [("CANCEL", State.CANCELLED), ("FAIL", State.FAILED)])
def test_those_above_the_limit_are_refused(behavior: str, end: State):
    world = crowd(2, behavior=behavior)
    assert world.histories("1") == f"CREATED {end}"
    assert world.executions["1"].is_finished
    assert world.states("1") == {}
    assert "due to concurrency limit exceeded" in world.logs[-1].message
    finish(world, "0")
    assert world.slots.held["main/n/f"] == {}


def test_a_refused_execution_runs_what_comes_after_it():
    world = crowd(2, behavior="CANCEL", more="afterExecution: [{id: a, type: x.Log}]")
    assert world.states("1") == {"a": "SUBMITTED"}
    finish(world, "1")
    assert world.executions["1"].is_finished
    assert world.executions["1"].state is State.CANCELLED


def test_a_slot_is_kept_until_everything_is_over():
    world = crowd(2, more="afterExecution: [{id: a, type: x.Log}]")
    finish(world, "0")
    assert states(world) == ["SUCCESS", "QUEUED"]
    finish(world, "0")
    assert states(world) == ["SUCCESS", "RUNNING"]


def test_a_killed_execution_frees_its_slot_and_a_killed_waiter_its_place():
    world = crowd(4)
    kill(world, "1")
    assert states(world) == ["RUNNING", "KILLED", "QUEUED", "QUEUED"]
    kill(world, "0")
    assert states(world) == ["KILLED", "KILLED", "RUNNING", "QUEUED"]
    assert world.histories("1") == "CREATED QUEUED KILLING KILLED"


@pytest.mark.parametrize("state", [State.RUNNING, State.CANCELLED, State.FAILED])
def test_out_of_the_queue(state: State):
    world = crowd(3)
    fact = UnqueueRequested(state, "ada")
    world.tell("1", fact)
    world.tell("1", fact)
    world.settle(timers=False)
    assert states(world) == ["RUNNING", state.value, "QUEUED"]
    finish(world, "0")
    assert states(world)[2] == ("QUEUED" if state is State.RUNNING else "RUNNING"), "one above the limit counts"
    if state is State.RUNNING:
        finish(world, "1")
        assert states(world)[2] == "RUNNING"


def test_a_grant_that_is_not_true_changes_nothing():
    world = crowd(2)
    for execution_id in ("0", "1"):
        world.tell(execution_id, SlotGranted())
    world.settle(timers=False)
    assert states(world) == ["RUNNING", "QUEUED"]
    finish(world, "0")
    world.tell("1", SlotGranted())
    world.tell("0", SlotGranted())
    world.settle(timers=False)
    assert states(world) == ["SUCCESS", "RUNNING"]


def test_a_higher_limit_lets_those_in_who_wait():
    world = crowd(4)
    world.deploy(FLOW % (3, "QUEUE", ""))
    world.settle(timers=False)
    assert states(world) == ["RUNNING", "RUNNING", "RUNNING", "QUEUED"]


def test_a_lower_limit_waits_until_enough_have_ended():
    world = crowd(3, limit=2)
    world.deploy(FLOW % (1, "QUEUE", ""))
    finish(world, "0")
    assert states(world) == ["SUCCESS", "RUNNING", "QUEUED"]
    finish(world, "1")
    assert states(world) == ["SUCCESS", "SUCCESS", "RUNNING"]


def test_a_limit_that_is_removed_lets_everybody_in():
    world = crowd(3)
    free = world.deploy(FREE)
    world.settle(timers=False)
    assert states(world) == ["RUNNING", "RUNNING", "RUNNING"]
    world.start(free, execution_id="free")
    world.settle(timers=False)
    assert world.executions["free"].concurrency_scopes == ()


def test_a_planned_execution_asks_when_its_time_has_come():
    world = crowd(1)
    flow = world.flows["n", "f"][-1]
    request = StartRequest(scheduled_at=world.now + timedelta(minutes=1))
    world.write(create_execution(flow, request, "later", world.now))
    world.tell("later", Created())
    world.settle(timers=False)
    assert states(world) == ["RUNNING", "CREATED"]
    world.wait(minutes=2)
    assert states(world) == ["RUNNING", "QUEUED"]


def test_a_crash_between_the_slot_and_the_decision_leaves_one_slot():
    world = World(answer=lambda job, world: None)
    flow = world.deploy(FLOW % (1, "QUEUE", ""))
    world.start(flow, execution_id="0")
    assert world.take_slot(world.state("0"), SlotNeed()) is SlotAnswer.HELD
    world.start(flow, execution_id="1")
    world.settle(timers=False)
    assert states(world) == ["RUNNING", "QUEUED"]
    finish(world, "0")
    assert states(world) == ["SUCCESS", "RUNNING"]


def test_who_is_out_of_date_gets_no_slot():
    world = crowd(1)
    stale = world.state("0")
    finish(world, "0")
    assert world.take_slot(stale, SlotNeed()) is SlotAnswer.WAITING
    assert world.slots.held["main/n/f"] == {}
    assert world.slots.waiting["main/n/f"] == {}


def test_a_restart_is_checked_again():
    world = crowd(1)
    finish(world, "0", State.FAILED)
    world.start(world.flows["n", "f"][-1], execution_id="1")
    world.settle(timers=False)
    world.tell("0", RestartRequested())
    world.settle(timers=False)
    assert states(world) == ["QUEUED", "RUNNING"]
    finish(world, "1")
    assert world.histories("0") == "CREATED RUNNING FAILED RESTARTED QUEUED RUNNING"
    finish(world, "0")
    assert states(world) == ["SUCCESS", "SUCCESS"]
    assert world.slots.held["main/n/f"] == {}


def test_a_kill_and_a_restart_in_one_step_keep_the_place_in_the_queue():
    world = crowd(2)
    world.tell("1", KillRequested(START))
    world.tell("1", RestartRequested())
    world.settle(timers=False)
    finish(world, "0")
    world.settle(timers=False)
    assert states(world)[0] == "SUCCESS"
    assert world.executions["1"].state is not State.QUEUED


def test_a_replay_is_checked_too():
    world = crowd(1)
    world.tell("0", ReplayRequested(new_id="again"))
    world.settle(timers=False)
    assert states(world) == ["RUNNING", "QUEUED"]


def test_a_pause_keeps_the_slot():
    world = crowd(2)
    world.tell("0", PauseRequested())
    world.settle(timers=False)
    assert states(world) == ["PAUSED", "QUEUED"]
    world.tell("0", ResumeRequested(START))
    world.settle(timers=False)
    assert states(world) == ["RUNNING", "QUEUED"]
    assert list(world.slots.held["main/n/f"]) == ["0"]


@pytest.mark.parametrize("execution_id", ["0", "1"])
def test_force_run_ignores_the_limit(execution_id: str):
    world = crowd(2)
    world.tell(execution_id, ForceRunRequested())
    world.settle(timers=False)
    assert states(world) == ["RUNNING", "RUNNING" if execution_id == "1" else "QUEUED"]
