"""Facts out of order, twice, late; outputs on demand; killing."""

from datetime import timedelta

from segue.domain.execution.facts import Created, JobLost, KillRequested, TaskFinished, TaskStarted, TimerDue
from segue.domain.execution.state import State
from tests.engine.harness import START, Run
from tests.engine.test_scenarios import document


def two_tasks() -> Run:
    run = Run(document("tasks: [{id: a, $LOG}, {id: b, $LOG}]"))
    run.step(Created())
    return run


def finished(run: Run, task_id: str, attempt: int = 1, state: State = State.SUCCESS) -> TaskFinished:
    task_run = run.run_of(task_id)
    return TaskFinished(task_run.id, attempt, "w", state, START, START + timedelta(seconds=1))


def test_a_fact_joined_twice_changes_nothing() -> None:
    run = two_tasks()
    fact = finished(run, "a")
    run.step(fact, fact)

    again = run.step(Created(), fact)

    assert again.is_empty
    assert run.states == {"a": "SUCCESS", "b": "SUBMITTED"}
    assert run.attempts("a") == ["SUCCESS"]


def test_a_result_of_an_earlier_attempt_is_ignored() -> None:
    run = two_tasks()
    task_run = run.run_of("a")
    run.step(JobLost(task_run.id, 1, "w", START, START))
    assert run.jobs[task_run.id].attempt == 2

    late = run.step(finished(run, "a", attempt=1))

    assert late.is_empty
    run.step(finished(run, "a", attempt=2))
    assert run.attempts("a") == ["RESUBMITTED", "SUCCESS"]
    assert run.histories(run.run_of("a")) == "CREATED SUBMITTED CREATED SUBMITTED RUNNING SUCCESS"


def test_started_after_the_end_is_ignored() -> None:
    run = two_tasks()
    run.step(finished(run, "a"))

    assert run.step(TaskStarted(run.run_of("a").id, 1, "w", START)).is_empty


def test_started_opens_the_attempt_that_the_result_closes() -> None:
    run = two_tasks()
    run.step(TaskStarted(run.run_of("a").id, 1, "w", START))
    assert run.attempts("a") == ["RUNNING"]

    run.step(finished(run, "a"))

    assert run.attempts("a") == ["SUCCESS"]
    assert run.histories(run.run_of("a")) == "CREATED SUBMITTED RUNNING SUCCESS"


def test_outputs_are_asked_for_only_when_they_are_named() -> None:
    text = (
        "tasks: [{id: a, type: io.kestra.plugin.core.debug.Return, format: big}, {id: b, $LOG}, {id: i, $FLOW.If, "
        "condition: \"{{ outputs.a.value == 'big' }}\", then: [{id: c, $LOG}], else: [{id: d, $LOG}]}]"
    )
    run = Run(document(text))
    loaded: list[str] = []

    class Watched(dict):  # type: ignore[type-arg]  # a spy over the store
        def __getitem__(self, key: str) -> object:
            loaded.append(key)
            return super().__getitem__(key)

    run.stored = Watched()
    run.to_end()

    assert run.states == {"a": "SUCCESS", "b": "SUCCESS", "i": "SUCCESS", "c": "SUCCESS"}
    assert loaded == [run.run_of("a").id]


def test_the_job_names_the_outputs_its_expressions_read() -> None:
    text = (
        "tasks: [{id: a, type: io.kestra.plugin.core.debug.Return, format: x}, "
        "{id: b, type: io.kestra.plugin.core.debug.Return, format: y}, "
        "{id: c, type: io.kestra.plugin.core.log.Log, message: \"{{ outputs['a'].value }} {{ taskrun.id }}\"}]"
    )
    run = Run(document(text))
    run.step(Created())
    for _ in range(2):
        (job,) = run.jobs.values()
        run.step(run.finish(job, run.outcome(job, run.state)))

    (job,) = run.jobs.values()
    assert [(need.task_id, need.task_run_id) for need in job.outputs] == [("a", run.run_of("a").id)]
    assert b"taskrun" in job.context
    assert b"parents" not in job.context


def test_kill_ends_everything_at_once_and_refuses_what_comes_later() -> None:
    text = "tasks: [{id: p, $FLOW.Parallel, tasks: [{id: a, $LOG}, {id: b, $FAIL}]}]\nerrors: [{id: e, $LOG}]"
    run = Run(document(text))
    run.step(Created())
    late = finished(run, "a")

    decision = run.step(KillRequested(START))

    assert run.states == {"p": "KILLED", "a": "KILLED", "b": "KILLED"}
    assert run.histories() == "CREATED RUNNING KILLING KILLED"
    assert decision.dropped_jobs >= {run.run_of("a").id, run.run_of("b").id}
    assert run.step(late, KillRequested(START)).is_empty


def test_kill_while_a_retry_waits() -> None:
    text = "tasks: [{id: x, $FAIL, retry: {type: constant, interval: PT1H, maxAttempts: 3}}]"
    run = Run(document(text))
    run.step(Created())
    run.step(finished(run, "x", state=State.FAILED))
    assert run.end is State.RETRYING

    decision = run.step(KillRequested(START))

    assert run.end is State.KILLED
    assert len(decision.dropped_timers) == 1


def test_kill_still_runs_after_execution() -> None:
    run = Run(document("tasks: [{id: a, $LOG}]\nafterExecution: [{id: z, $LOG}]"))
    run.step(Created())
    run.step(KillRequested(START))
    assert not run.state.execution.is_finished

    run.step(finished(run, "z"))

    assert run.states == {"a": "KILLED", "z": "SUCCESS"}
    assert run.state.execution.is_finished


def test_a_failed_parallel_ends_at_once_and_joins_its_late_children() -> None:
    run = Run(document("tasks: [{id: p, $FLOW.Parallel, tasks: [{id: a, $LOG}, {id: b, $FAIL}]}]"))
    run.step(Created())
    run.step(finished(run, "b", state=State.FAILED))
    assert (run.end, run.states["p"], run.states["a"]) == (State.FAILED, "FAILED", "SUBMITTED")

    run.step(finished(run, "a"))

    assert run.states["a"] == "SUCCESS"
    assert run.end is State.FAILED


def test_a_loop_keeps_its_values_when_its_state_is_read_again() -> None:
    text = "tasks: [{id: e, $FLOW.ForEach, values: \"{{ ['a', uuid()] }}\", tasks: [{id: t, $LOG}]}]"
    run = Run(document(text))
    run.step(Created())
    before = run.stored[f"{run.run_of('e').id}#values"]["values"]
    run.state.outputs.clear()

    run.to_end()

    assert [task_run.value for task_run in run.state.runs_of_task("t")] == before


def test_flow_outputs_are_typed_and_stored_under_the_execution() -> None:
    text = (
        "tasks: [{id: a, type: io.kestra.plugin.core.debug.Return, format: '41'}]\n"
        "outputs: [{id: n, type: INT, value: '{{ outputs.a.value }}'}, "
        "{id: gone, type: STRING, required: false, value: '{{ outputs.nope.x }}'}]"
    )
    run = Run(document(text)).to_end()

    assert run.end is State.SUCCESS
    assert run.stored["x"] == {"n": 41}
    assert run.state.execution.has_outputs


def test_a_start_planned_for_later_waits_for_its_timer() -> None:
    import msgspec

    run = Run(document("tasks: [{id: a, $LOG}]"))
    due = START + timedelta(hours=1)
    run.state.execution = msgspec.structs.replace(run.state.execution, scheduled_at=due)

    run.step(Created())

    assert run.states == {}
    assert [timer[0] for timer in run.timers] == [due]
    run.to_end()
    assert (run.end, run.now) == (State.SUCCESS, due)


def test_a_timer_of_an_earlier_pause_is_ignored() -> None:
    run = Run(document("tasks: [{id: x, $FAIL, retry: {type: constant, interval: PT1H, maxAttempts: 9}}]"))
    run.step(Created())
    run.step(finished(run, "x", state=State.FAILED))
    first = run.timers[0][1]
    run.come_due()
    run.step(finished(run, "x", attempt=2, state=State.FAILED))

    assert run.step(TimerDue(first)).is_empty
    assert run.run_of("x").state is State.RETRYING
