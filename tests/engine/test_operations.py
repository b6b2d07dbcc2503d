"""What users ask of executions, done by the engine alone (flow language 11)."""

from collections.abc import Callable
from datetime import timedelta

import msgspec
import pytest

from segue.domain.execution.facts import Fact, KillRequested, TaskFinished, decode_fact, encode_fact
from segue.domain.execution.jobs import Job
from segue.domain.execution.model import Breakpoint
from segue.domain.execution.operations import LEGAL_STATES, Operation
from segue.domain.execution.requests import (
    BreakpointResumed,
    ForceRunRequested,
    LabelsRequested,
    PauseRequested,
    ReplayRequested,
    RestartRequested,
    ResumeRequested,
    StatusRequested,
    TaskStateRequested,
    UnqueueRequested,
)
from segue.domain.execution.state import TERMINATED, State
from segue.domain.labels import Label
from segue.testing.world import START, Outcome, World

THREE = """
id: f
namespace: n
tasks:
  - {id: a, type: x.Return, format: A}
  - {id: b, type: x.Log}
  - {id: c, type: x.Return, format: "{{ outputs.a.value }}C"}
"""
CORE = "io.kestra.plugin.core.flow"


class Patient:
    """Answers that can be changed while the world goes on: None keeps a task running."""

    def __init__(self, **outcomes: Outcome) -> None:
        self.outcomes = outcomes
        self.ran: list[str] = []

    def __call__(self, job: Job, world: World) -> Outcome:
        outcome = self.outcomes.get(job.task_id, State.SUCCESS)
        if outcome is not None:
            self.ran.append(job.task_id)
        if outcome is State.SUCCESS and world.state(job.execution_id).flow.get_task(job.task_id).type == "x.Return":
            text = getattr(world.state(job.execution_id).flow.get_task(job.task_id), "properties", {}).get("format")
            return State.SUCCESS, {"value": world.render(job, text)}
        return outcome


def ask(world: World, fact: Fact, execution_id: str = "x") -> None:
    """Put a request into the inbox, as the database would keep it, and see what becomes of it."""
    world.tell(execution_id, decode_fact(encode_fact(fact)))
    world.settle()


def started(source: str, answer: Callable[[Job, World], Outcome]) -> World:
    world = World(answer=answer)
    world.start(world.deploy(source))
    world.settle()
    return world


# Restart


def test_a_restart_tries_again_what_failed_and_keeps_the_rest() -> None:
    answer = Patient(c=State.FAILED)
    world = started(THREE, answer)
    assert world.executions["x"].state is State.FAILED
    answer.outcomes.clear()
    ask(world, RestartRequested("ada"))
    assert world.histories() == "CREATED RUNNING FAILED RESTARTED RUNNING SUCCESS"
    assert world.states() == {"a": "SUCCESS", "b": "SUCCESS", "c": "SUCCESS"}
    assert answer.ran == ["a", "b", "c", "c"]
    run = world.run_of("c")
    assert [attempt.status.current for attempt in run.attempts] == [State.FAILED, State.SUCCESS]
    assert world.outputs_of(run.id) == {"value": "AC"}
    execution = world.executions["x"]
    assert execution.attempt_number == 2
    assert execution.is_finished
    assert Label("system.restarted", "true") in execution.labels
    assert "Execution is restarted by ada from c" in [line.message for line in world.logs]


def test_a_restart_goes_again_through_errors_finally_and_after() -> None:
    answer = Patient(b=State.FAILED)
    world = started(
        THREE
        + "errors: [{id: e, type: x.Log}]\nfinally: [{id: z, type: x.Log}]\nafterExecution: [{id: w, type: x.Log}]",
        answer,
    )
    assert world.states() == {"a": "SUCCESS", "b": "FAILED", "e": "SUCCESS", "z": "SUCCESS", "w": "SUCCESS"}
    ask(world, RestartRequested())
    assert world.states() == {"a": "SUCCESS", "b": "FAILED", "e": "SUCCESS", "z": "SUCCESS", "w": "SUCCESS"}
    assert answer.ran == ["a", "b", "e", "z", "w", "b", "e", "z", "w"]
    answer.outcomes.clear()
    ask(world, RestartRequested())
    assert world.states() == {"a": "SUCCESS", "b": "SUCCESS", "c": "SUCCESS", "z": "SUCCESS", "w": "SUCCESS"}
    assert world.executions["x"].attempt_number == 3


NESTED = f"""
id: f
namespace: n
tasks:
  - id: outer
    type: {CORE}.Sequential
    tasks:
      - {{id: one, type: x.Log}}
      - id: each
        type: {CORE}.ForEach
        values: [u, v]
        tasks:
          - {{id: step, type: x.Log}}
          - {{id: last, type: x.Log}}
      - {{id: two, type: x.Log}}
    errors:
      - {{id: rescue, type: x.Log}}
"""


def test_a_restart_reopens_what_is_around_the_failure() -> None:
    answer = Patient(step=State.FAILED)
    world = started(NESTED, answer)
    assert world.states()["outer"] == "FAILED"
    answer.outcomes.clear()
    ask(world, RestartRequested())
    assert world.states() == {
        "outer": "SUCCESS", "one": "SUCCESS", "each": "SUCCESS", "step[u]": "SUCCESS", "step[v]": "SUCCESS",
        "last[u]": "SUCCESS", "last[v]": "SUCCESS", "two": "SUCCESS",
    }  # fmt: skip
    assert answer.ran.count("one") == 1
    assert answer.ran.count("step") == 3
    assert [attempt.status.current for attempt in world.run_of("outer").attempts] == [State.FAILED, State.SUCCESS]


def test_a_flowable_that_failed_by_itself_begins_anew() -> None:
    source = f"""
id: f
namespace: n
tasks:
  - id: each
    type: {CORE}.ForEach
    values: "{{{{ inputs.values }}}}"
    tasks: [{{id: t, type: x.Log}}]
"""
    world = World(answer=Patient())
    world.start(world.deploy(source), {"values": ["a", None]})
    world.settle()
    assert world.executions["x"].state is State.FAILED
    ask(world, RestartRequested())
    assert world.histories() == "CREATED RUNNING FAILED RESTARTED RUNNING FAILED"
    assert world.histories(task_id="each") == "CREATED FAILED RESTARTED FAILED"


def test_a_failure_that_was_absorbed_is_not_restarted() -> None:
    answer = Patient(ko=State.FAILED, last=State.FAILED)
    world = started(
        f"id: f\nnamespace: n\ntasks:\n  - {{id: allow, type: {CORE}.AllowFailure, tasks: [{{id: ko, type: x.Log}}]}}\n"
        "  - {id: last, type: x.Log}\n",
        answer,
    )
    answer.outcomes.clear()
    ask(world, RestartRequested())
    assert world.states() == {"allow": "WARNING", "ko": "FAILED", "last": "SUCCESS"}
    assert world.executions["x"].state is State.WARNING


def test_a_restart_gives_all_tries_of_a_retry_again() -> None:
    retry = "retry: {type: constant, interval: PT1S, maxAttempts: 2}"
    answer = Patient(t=State.FAILED)
    world = started(f"id: f\nnamespace: n\ntasks:\n  - {{id: t, type: x.Log, {retry}}}\n", answer)
    assert len(world.run_of("t").attempts) == 2
    ask(world, RestartRequested())
    assert len(world.run_of("t").attempts) == 4


@pytest.mark.parametrize("ending", [State.SUCCESS, State.KILLED])
def test_there_must_be_something_to_restart(ending: State) -> None:
    answer = Patient(b=None if ending is State.KILLED else State.SUCCESS)
    world = started(THREE, answer)
    if ending is State.KILLED:
        ask(world, KillRequested(START))
    before = world.histories()
    ask(world, RestartRequested("ada"))
    assert world.histories() == before
    message = "The request 'restart' of ada was ignored: No task found to restart execution from!"
    assert message in [line.message for line in world.logs]


# Replay


def test_a_replay_from_scratch_is_a_new_execution() -> None:
    world = started(THREE, Patient())
    ask(world, ReplayRequested(new_id="y", by="ada"))
    again = world.executions["y"]
    assert again.state is State.SUCCESS
    assert world.histories("y") == "CREATED RUNNING SUCCESS"
    assert (again.parent_id, again.origin_id, again.attempt_number) == ("x", "x", 2)
    assert again.correlation_id == "x"
    assert Label("system.replay", "true") in again.labels
    assert Label("system.replayed", "true") in world.executions["x"].labels
    assert "Made from execution x by ada" in [line.message for line in world.logs if line.execution_id == "y"]
    ask(world, ReplayRequested(new_id="z"), "y")
    assert (world.executions["z"].parent_id, world.executions["z"].origin_id) == ("y", "x")
    assert Label("system.replayed", "true") not in world.executions["z"].labels


def test_a_replay_from_a_task_run_takes_over_what_came_before() -> None:
    answer = Patient()
    world = started(THREE, answer)
    ask(world, ReplayRequested(new_id="y", task_run_id=world.run_of("b").id))
    assert world.histories("y") == "CREATED RESTARTED RUNNING SUCCESS"
    assert world.states("y") == {"a": "SUCCESS", "b": "SUCCESS", "c": "SUCCESS"}
    assert answer.ran == ["a", "b", "c", "b", "c"]
    runs = world.task_runs["y"]
    assert set(runs) == {"y-1", "y-2", "y-4"}
    assert all(run.execution_id == "y" for run in runs.values())
    assert world.outputs_of("y-1") == {"value": "A"}
    assert world.outputs_of("y-4") == {"value": "AC"}
    assert world.states("x") == {"a": "SUCCESS", "b": "SUCCESS", "c": "SUCCESS"}


def test_a_replay_takes_other_inputs() -> None:
    source = THREE.replace("format: A", 'format: "{{ inputs.name }}"')
    world = World()
    world.start(world.deploy(source), {"name": "old"})
    world.settle()
    ask(world, ReplayRequested(new_id="y", inputs={"name": "new"}))
    assert world.outputs_of(world.run_of("c", "y").id) == {"value": "newC"}


def test_a_replay_inside_a_loop_keeps_the_loop_s_values() -> None:
    answer = Patient()
    world = started(NESTED, answer)
    (step,) = [run for run in world.task_runs["x"].values() if run.task_id == "step" and run.value == "v"]
    answer.ran.clear()
    ask(world, ReplayRequested(new_id="y", task_run_id=step.id))
    assert world.executions["y"].state is State.SUCCESS
    assert world.states("y") == world.states("x") | {"two": "SUCCESS"}
    assert answer.ran == ["step", "last", "two"]


def test_a_replay_of_a_flowable_makes_its_children_again() -> None:
    answer = Patient()
    world = started(NESTED, answer)
    answer.ran.clear()
    ask(world, ReplayRequested(new_id="y", task_run_id=world.run_of("each").id))
    assert world.states("y") == world.states("x")
    assert sorted(answer.ran) == ["last", "last", "step", "step", "two"]


def test_a_replay_in_a_dag_removes_what_depends_on_the_task() -> None:
    source = f"""
id: f
namespace: n
tasks:
  - id: dag
    type: {CORE}.Dag
    tasks:
      - task: {{id: a, type: x.Log}}
      - task: {{id: b, type: x.Log}}
        dependsOn: [a]
      - task: {{id: c, type: x.Log}}
      - task: {{id: d, type: x.Log}}
        dependsOn: [b, c]
"""
    answer = Patient()
    world = started(source, answer)
    answer.ran.clear()
    ask(world, ReplayRequested(new_id="y", task_run_id=world.run_of("b").id))
    assert world.executions["y"].state is State.SUCCESS
    assert answer.ran == ["b", "d"]


def test_a_replay_tries_again_what_failed_beside_the_task() -> None:
    source = f"""
id: f
namespace: n
tasks:
  - id: par
    type: {CORE}.Parallel
    tasks: [{{id: a, type: x.Log}}, {{id: b, type: x.Log}}, {{id: c, type: x.Log}}]
"""
    answer = Patient(b=State.FAILED)
    world = started(source, answer)
    answer.outcomes.clear()
    answer.ran.clear()
    ask(world, ReplayRequested(new_id="y", task_run_id=world.run_of("a").id))
    assert world.executions["y"].state is State.SUCCESS
    assert answer.ran == ["a", "b"]


def test_a_running_execution_can_be_replayed_from_what_is_over() -> None:
    answer = Patient(c=None)
    world = started(THREE, answer)
    ask(world, ReplayRequested(new_id="y", task_run_id=world.run_of("b").id))
    assert world.executions["x"].state is State.RUNNING
    assert world.states("y") == {"a": "SUCCESS", "b": "SUCCESS", "c": "SUBMITTED"}


def test_a_replay_runs_on_another_revision() -> None:
    world = started(THREE, Patient())
    world.deploy(THREE.replace("format: A", "format: B"))
    ask(world, ReplayRequested(new_id="y", revision=2))
    assert world.executions["y"].flow.revision == 2
    assert world.outputs_of(world.run_of("c", "y").id) == {"value": "BC"}
    ask(world, ReplayRequested(new_id="z", revision=9))
    assert "z" not in world.executions


def test_a_restart_on_another_revision_goes_on_with_the_new_tasks() -> None:
    answer = Patient(c=State.FAILED)
    world = started(THREE, answer)
    fixed = THREE.replace("  - {id: c", "  - {id: new, type: x.Log}\n  - {id: c")
    world.deploy(fixed)
    answer.outcomes.clear()
    answer.ran.clear()
    ask(world, ReplayRequested(new_id="y", revision=2, is_restart=True))
    assert world.states("y") == {"a": "SUCCESS", "b": "SUCCESS", "new": "SUCCESS", "c": "SUCCESS"}
    assert answer.ran == ["new", "c"]
    assert Label("system.restarted", "true") in world.executions["y"].labels
    assert world.executions["x"].state is State.FAILED
    world.deploy(THREE.replace("id: c", "id: other"))
    ask(world, ReplayRequested(new_id="z", revision=3, is_restart=True))
    assert "z" not in world.executions


def test_asking_twice_for_a_replay_makes_one() -> None:
    answer = Patient()
    world = started(THREE, answer)
    for _ in range(2):
        ask(world, ReplayRequested(new_id="y", task_run_id=world.run_of("c").id))
    assert answer.ran == ["a", "b", "c", "c"]


# Standing still and going on


def test_a_pause_lets_what_runs_finish_and_starts_nothing_new() -> None:
    answer = Patient(b=None)
    world = started(THREE, answer)
    ask(world, PauseRequested("ada"))
    assert world.executions["x"].state is State.PAUSED
    assert world.states() == {"a": "SUCCESS", "b": "SUBMITTED"}
    answer.outcomes.clear()
    world.settle()
    assert world.states() == {"a": "SUCCESS", "b": "SUCCESS"}
    ask(world, ResumeRequested(START, by="ada"))
    assert world.histories() == "CREATED RUNNING PAUSED RESTARTED RUNNING SUCCESS"
    assert world.states() == {"a": "SUCCESS", "b": "SUCCESS", "c": "SUCCESS"}


def test_a_retry_waits_for_the_end_of_a_pause() -> None:
    retry = "retry: {type: constant, interval: PT1S, maxAttempts: 2}"
    answer = Patient(t=None)
    world = started(f"id: f\nnamespace: n\ntasks:\n  - {{id: t, type: x.Log, {retry}}}\n", answer)
    ask(world, PauseRequested())
    answer.outcomes["t"] = State.FAILED
    world.settle()
    assert world.states() == {"t": "CREATED"}
    answer.outcomes.clear()
    ask(world, ResumeRequested(START))
    assert world.executions["x"].state is State.SUCCESS


def test_breakpoints_suspend_once_each() -> None:
    world = World(answer=Patient())
    flow = world.deploy(THREE)
    world.start(flow)
    points = (Breakpoint("b"), Breakpoint("c", "no"))
    world.executions["x"] = msgspec.structs.replace(world.executions["x"], breakpoints=points)
    world.settle()
    assert world.executions["x"].state is State.BREAKPOINT
    assert world.states() == {"a": "SUCCESS", "b": "BREAKPOINT"}
    ask(world, BreakpointResumed((Breakpoint("b"), Breakpoint("c"))))
    assert world.states() == {"a": "SUCCESS", "b": "SUCCESS", "c": "BREAKPOINT"}
    ask(world, BreakpointResumed())
    assert world.histories() == "CREATED RUNNING BREAKPOINT RUNNING BREAKPOINT RUNNING SUCCESS"


def test_a_breakpoint_in_a_loop_names_a_value() -> None:
    world = started(NESTED, Patient())
    point = Breakpoint("last", "v")
    ask(world, ReplayRequested(new_id="y", breakpoints=(point,)))
    assert world.states("y")["last[v]"] == "BREAKPOINT"
    assert world.states("y")["last[u]"] == "SUCCESS"
    ask(world, KillRequested(START), "y")
    assert world.executions["y"].state is State.KILLED


def test_force_run_does_not_wait_for_the_date() -> None:
    world = World(answer=Patient())
    world.start(world.deploy(THREE))
    later = START + timedelta(days=1)
    world.executions["x"] = msgspec.structs.replace(world.executions["x"], scheduled_at=later)
    world.settle(timers=False)
    assert world.histories() == "CREATED"
    world.tell("x", ForceRunRequested("ada"))
    world.settle(timers=False)
    assert world.executions["x"].state is State.SUCCESS
    assert not world.timers


def test_force_run_ends_a_pause_and_leaves_what_runs() -> None:
    answer = Patient(b=None)
    world = started(THREE, answer)
    ask(world, ForceRunRequested())
    assert world.histories() == "CREATED RUNNING"
    ask(world, PauseRequested())
    ask(world, ForceRunRequested())
    assert world.histories() == "CREATED RUNNING PAUSED RESTARTED RUNNING"


# Marking


def test_a_status_is_changed_without_running_anything() -> None:
    answer = Patient(b=State.FAILED)
    world = started(THREE, answer)
    ask(world, StatusRequested(State.SUCCESS, "ada"))
    assert world.histories() == "CREATED RUNNING FAILED SUCCESS"
    assert answer.ran == ["a", "b"]
    ask(world, StatusRequested(State.RUNNING))
    assert world.histories() == "CREATED RUNNING FAILED SUCCESS"


def test_marking_a_failed_task_run_lets_the_flow_go_on() -> None:
    answer = Patient(b=State.FAILED)
    world = started(THREE + "errors: [{id: e, type: x.Log}]\nfinally: [{id: z, type: x.Log}]", answer)
    ask(world, TaskStateRequested(world.run_of("b").id, State.SUCCESS))
    assert world.states() == {"a": "SUCCESS", "b": "SUCCESS", "c": "SUCCESS", "z": "SUCCESS"}
    assert world.histories() == "CREATED RUNNING FAILED RESTARTED RUNNING SUCCESS"
    assert [attempt.status.current for attempt in world.run_of("b").attempts] == [State.SUCCESS]


def test_marking_inside_a_flowable_reopens_it() -> None:
    answer = Patient(step=State.FAILED)
    world = started(NESTED, answer)
    answer.outcomes.clear()
    for run in [run for run in world.task_runs["x"].values() if run.task_id == "step"]:
        world.tell("x", TaskStateRequested(run.id, State.WARNING))
    world.settle()
    assert world.executions["x"].state is State.WARNING
    assert world.states()["two"] == "SUCCESS"


def test_marking_a_running_task_run_refuses_its_late_result() -> None:
    answer = Patient(b=None)
    world = started(THREE, answer)
    run = world.run_of("b")
    late = TaskFinished(run.id, 1, "w", State.FAILED, START, START)
    ask(world, TaskStateRequested(run.id, State.SUCCESS))
    assert world.executions["x"].state is State.SUCCESS
    assert run.id not in world.jobs
    ask(world, late)
    assert world.states()["b"] == "SUCCESS"
    assert world.histories() == "CREATED RUNNING SUCCESS"


def test_marking_as_cancelled_ends_the_execution() -> None:
    answer = Patient(b=None)
    world = started(THREE, answer)
    ask(world, TaskStateRequested(world.run_of("b").id, State.CANCELLED))
    assert world.histories() == "CREATED RUNNING CANCELLED"
    assert world.states() == {"a": "SUCCESS", "b": "CANCELLED"}


def test_a_late_result_of_a_removed_task_run_is_refused() -> None:
    answer = Patient(b=State.FAILED, e=None)
    source = f"""
id: f
namespace: n
tasks:
  - id: s
    type: {CORE}.Sequential
    tasks: [{{id: b, type: x.Log}}]
    errors: [{{id: e, type: x.Log}}]
"""
    world = started(source, answer)
    late = TaskFinished(world.run_of("e").id, 1, "w", State.SUCCESS, START, START)
    ask(world, TaskStateRequested(world.run_of("s").id, State.FAILED))
    assert world.executions["x"].state is State.FAILED
    answer.outcomes.clear()
    ask(world, RestartRequested())
    assert world.states() == {"s": "SUCCESS", "b": "SUCCESS"}
    before = world.task_runs["x"]
    ask(world, late)
    assert world.task_runs["x"] == before


def test_labels_are_merged_or_replaced() -> None:
    world = started(THREE, Patient())
    ask(world, LabelsRequested((Label("team", "data"), Label("stage", "one"))))
    ask(world, LabelsRequested((Label("team", "web"), Label("stage", ""))))
    labels = [label for label in world.executions["x"].labels if not label.key.startswith("system.")]
    assert labels == [Label("team", "web")]
    ask(world, LabelsRequested((Label("only", "this"),), is_merge=False))
    assert world.executions["x"].labels == (Label("system.correlationId", "x"), Label("only", "this"))


# Every operation in every state it does not fit, and twice

REQUESTS: dict[Operation, Fact] = {
    Operation.RESTART: RestartRequested(),
    Operation.PAUSE: PauseRequested(),
    Operation.RESUME: ResumeRequested(START),
    Operation.RESUME_FROM_BREAKPOINT: BreakpointResumed(),
    Operation.UNQUEUE: UnqueueRequested(),
    Operation.FORCE_RUN: ForceRunRequested(),
    Operation.CHANGE_STATUS: StatusRequested(State.WARNING),
    Operation.SET_LABELS: LabelsRequested((Label("k", "v"),)),
}


def in_state(state: State) -> World:
    answer = Patient(b=State.FAILED if state is State.FAILED else State.SUCCESS if state is State.SUCCESS else None)
    world = started(THREE, answer)
    if state is State.PAUSED:
        ask(world, PauseRequested())
    if state is State.KILLED:
        ask(world, KillRequested(START))
    return world


REACHED = (State.RUNNING, State.PAUSED, State.SUCCESS, State.FAILED, State.KILLED)
ILLEGAL = [(one, state) for one in REQUESTS for state in REACHED if state not in LEGAL_STATES[one]]
LEGAL = [(one, state) for one in REQUESTS for state in REACHED if state in LEGAL_STATES[one]]


@pytest.mark.parametrize(("operation", "state"), ILLEGAL, ids=str)
def test_what_does_not_fit_the_state_changes_nothing_but_the_log(operation: Operation, state: State) -> None:
    world = in_state(state)
    execution, runs = world.executions["x"], dict(world.task_runs["x"])
    lines = len(world.logs)
    ask(world, REQUESTS[operation])
    assert world.executions["x"].status == execution.status
    assert world.executions["x"].labels == execution.labels
    assert world.task_runs["x"] == runs
    assert f"The request '{operation.value}' was ignored" in world.logs[lines].message


@pytest.mark.parametrize(("operation", "state"), LEGAL, ids=str)
def test_asking_twice_is_asking_once(operation: Operation, state: State) -> None:
    once, twice = in_state(state), in_state(state)
    ask(once, REQUESTS[operation])
    twice.tell("x", REQUESTS[operation])
    ask(twice, REQUESTS[operation])
    assert twice.histories() == once.histories()
    assert twice.states() == once.states()
    assert twice.executions["x"].attempt_number == once.executions["x"].attempt_number


def test_the_table_knows_all_operations() -> None:
    assert LEGAL_STATES.keys() == set(Operation)
    assert LEGAL_STATES[Operation.KILL].isdisjoint(TERMINATED)
