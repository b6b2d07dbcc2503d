"""Schedules over a database: what they start, with what, and what holds them up."""

import asyncio
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from segue.api.ports import ApiPorts
from segue.api.trigger_control import TriggerControl
from segue.domain.errors import ConflictError, NotFoundError
from segue.domain.execution.state import State
from segue.domain.labels import Label
from segue.domain.trigger.state import TriggerKey
from segue.ports.clock import SystemIds
from segue.ports.queue import Channel, Topic
from segue.ports.repositories.logs import LogQuery
from segue.services.maintenance.triggers import TriggerKeeper
from tests.scheduler.stage import BEGIN, Stage, dates_of, flow

KEY = TriggerKey("main", "n", "hello", "t")
MINUTELY = "    cron: '* * * * *'\n"
MANY = MINUTELY + "    allowConcurrent: true\n"
CONDITION = (
    "    conditions: [{{type: io.kestra.plugin.core.condition.Expression, "
    "expression: \"{{{{ {}.date | date('m') | number('INT') % 2 == 0 }}}}\"}}]\n"
)
FIRST = "2026-03-01T12:01:00Z"


def control(stage: Stage) -> TriggerControl:
    ports = SimpleNamespace(
        triggers=stage.database.triggers,
        catalog=stage.catalog,
        clock=stage.clock,
        queue=stage.queue,
        ids=SystemIds(),
    )
    return TriggerControl(cast("ApiPorts", ports))


async def lines(stage: Stage, **query: Any) -> list[str]:
    found, _ = await stage.database.logs.lines(LogQuery(tenant="main", **query))
    return [line.message for line in found]


async def test_an_execution_knows_its_date(anywhere: Stage) -> None:
    stage = anywhere
    await stage.save(
        flow(
            MINUTELY
            + "    timezone: America/New_York\n"
            + "    inputs: {day: \"{{ trigger.date | date('yyyy-MM-dd') }}\"}\n"
            + "    labels: [{key: at, value: '{{ trigger.date }}'}, {key: bad, value: '{{ nothing }}'}]\n",
            "inputs: [{id: day, type: DATE}, {id: left, type: INT, defaults: 3}]\nlabels: {of: flow}",
        )
    )
    assert (await stage.state()).next_at == BEGIN + timedelta(seconds=30)
    assert await stage.look() == 0
    stage.clock.move(seconds=30)
    assert await stage.look() == 1
    (execution,) = await stage.executions()
    assert execution.trigger is not None
    assert execution.trigger.variables == {
        "date": "2026-03-01T07:01:00-05:00",
        "next": "2026-03-01T07:02:00-05:00",
        "previous": "2026-03-01T07:00:00-05:00",
    }
    assert execution.scheduled_at == stage.clock.now()
    assert execution.inputs == {"day": "2026-03-01", "left": 3}
    assert dict(execution.labels) == {
        "of": "flow",
        "at": "2026-03-01T07:01:00-05:00",
        "system.from": "trigger",
        "system.correlationId": execution.id,
    }
    state = await stage.state()
    assert (state.execution_id, state.triggered_at) == (execution.id, stage.clock.now())
    assert [text.startswith("label bad is left out") for text in await lines(stage, flow_id="hello")] == [True]


async def test_the_lock_holds_until_the_end_and_what_passed_is_started_one_by_one(anywhere: Stage) -> None:
    stage = anywhere
    await stage.save(flow(MINUTELY + "    recoverMissedSchedules: NONE\n"))
    stage.clock.move(seconds=30)
    await stage.look()
    stage.clock.move(minutes=3)
    assert await stage.look() == 0
    for count in range(2, 5):
        await stage.end((await stage.executions())[-1:])
        assert await stage.look() == 1
        assert len(await stage.executions()) == count
    assert dates_of(await stage.executions()) == [f"2026-03-01T12:0{minute}:00Z" for minute in range(1, 5)]


async def test_what_was_missed_while_nobody_looked(stage: Stage) -> None:
    for recover in ("ALL", "LAST", "NONE"):
        await stage.save(flow(MANY + f"    recoverMissedSchedules: {recover}\n", flow_id=recover))
    stage.clock.move(minutes=3)
    await stage.look()
    minutes = {
        name: [date[14:16] for date in dates_of(await stage.executions(name))] for name in ("ALL", "LAST", "NONE")
    }
    assert minutes == {"ALL": ["01", "02", "03"], "LAST": ["03"], "NONE": []}
    stage.clock.move(seconds=30)
    assert await stage.look() == 3
    assert len(await stage.executions("NONE")) == 1


async def test_dates_that_are_too_late_are_skipped(stage: Stage) -> None:
    await stage.save(flow(MANY + "    lateMaximumDelay: PT90S\n"))
    stage.clock.move(minutes=5)
    await stage.look()
    assert [date[14:16] for date in dates_of(await stage.executions())] == ["04", "05"]


@pytest.mark.parametrize(
    "condition",
    [
        "    when: \"{{ trigger.date | date('m') | number('INT') % 2 == 0 }}\"\n",
        CONDITION.format("trigger"),
        CONDITION.format("schedule"),
    ],
)
async def test_conditions_choose_dates_and_their_neighbours(stage: Stage, condition: str) -> None:
    await stage.save(flow(MANY + condition))
    await stage.look()
    assert (await stage.state()).next_at == BEGIN + timedelta(seconds=90)
    for _ in range(4):
        stage.clock.move(minutes=1)
        await stage.look()
    found = await stage.executions()
    assert [each.trigger.variables for each in found if each.trigger] == [
        {"date": f"2026-03-01T12:0{minute}:00Z", "next": f"2026-03-01T12:0{minute + 2}:00Z",
         "previous": f"2026-03-01T{'12:00' if minute == 2 else '12:02'}:00Z"}
        for minute in (2, 4)
    ]  # fmt: skip


async def test_conditions_and_inputs_that_fail_give_failed_executions(anywhere: Stage) -> None:
    stage = anywhere
    await stage.save(flow(MINUTELY + "    when: '{{ nothing.at.all }}'\n", flow_id="condition"))
    await stage.save(
        flow(MINUTELY + "    inputs: {a: \"{{ 'x' }}\"}\n", "inputs: [{id: a, type: INT}]", flow_id="input")
    )
    for _ in range(3):
        stage.clock.move(seconds=30)
        await stage.look()
    for flow_id, words in (("condition", "conditions"), ("input", "inputs")):
        (execution,) = await stage.executions(flow_id)
        assert execution.state is State.FAILED
        assert words in (await lines(stage, execution_id=execution.id))[0]
        assert (await stage.state(flow_id)).is_locked


async def test_a_check_may_refuse_or_fail_the_execution(stage: Stage) -> None:
    for behavior in ("BLOCK_EXECUTION", "FAIL_EXECUTION"):
        checks = f"checks: [{{when: '{{{{ false }}}}', message: no, behavior: {behavior}}}]"
        await stage.save(flow(MINUTELY, checks, flow_id=behavior))
    stage.clock.move(seconds=30)
    await stage.look()
    assert await stage.executions("BLOCK_EXECUTION") == []
    assert not (await stage.state("BLOCK_EXECUTION")).is_locked
    assert [each.state for each in await stage.executions("FAIL_EXECUTION")] == [State.FAILED]


async def test_dates_in_a_list(anywhere: Stage) -> None:
    stage = anywhere
    listed = """    type: io.kestra.plugin.core.trigger.ScheduleOnDates
    timezone: Europe/Paris
    dates: ["2026-03-01T13:01:00", "2026-03-01T12:03:00Z", "{{ vars.third }}", "2020-01-01T00:00:00Z"]
"""
    source = flow(listed, "variables: {third: '2026-03-01T12:02:00Z'}").replace(
        "    type: io.kestra.plugin.core.trigger.Schedule\n", "", 1
    )
    await stage.save(source)
    for _ in range(8):
        stage.clock.move(seconds=30)
        await stage.look()
        await stage.end([each for each in await stage.executions() if not each.is_finished])
    dates = dates_of(await stage.executions())
    assert dates == [f"2026-03-01T13:0{minute}:00+01:00" for minute in (1, 2, 3)]
    assert (await stage.state()).due_at is None, "after the last date it idles"


async def test_dates_that_cannot_be_told_are_logged(stage: Stage) -> None:
    source = flow("    dates: \"{{ ['soon'] }}\"\n").replace("trigger.Schedule\n", "trigger.ScheduleOnDates\n")
    await stage.save(source)
    await stage.look()
    assert await lines(stage, flow_id="hello") == ["Failed to evaluate schedule 'dates'. Cause: 'soon' is no date"]
    assert (await stage.state()).due_at is None


async def test_a_backfill_of_a_day(anywhere: Stage) -> None:
    stage, verbs = anywhere, control(anywhere)
    await stage.save(
        flow("    cron: '0 * * * *'\n    inputs: {a: own, b: own}\n    allowConcurrent: true\n",
             "inputs: [{id: a, type: STRING}, {id: b, type: STRING}]")
    )  # fmt: skip
    start = BEGIN - timedelta(days=1)
    labels = (Label("why", "repair"), Label("system.no", "x"))
    state = await verbs.create_backfill(KEY, start, None, {"b": "given"}, labels)
    assert state.due_at == stage.clock.now()
    with pytest.raises(ConflictError):
        await verbs.create_backfill(KEY, start)
    await stage.look()
    found = await stage.executions()
    assert dates_of(found)[0] == "2026-02-28T13:00:00Z"
    assert dates_of(found)[-1] == "2026-03-01T12:00:00Z"
    assert len(found) == 24
    assert all(each.inputs == {"a": "own", "b": "given"} for each in found)
    assert all(dict(each.labels)["why"] == "repair" and "system.no" not in dict(each.labels) for each in found)
    state = await stage.state()
    assert (state.backfill, state.next_at) == (None, BEGIN + timedelta(minutes=59, seconds=30))
    await verbs.create_backfill(KEY, start)
    await stage.look()
    assert len(await stage.executions()) == 48, "another backfill starts the same dates again"


async def test_a_backfill_respects_the_lock_and_can_be_paused(stage: Stage) -> None:
    verbs = control(stage)
    await stage.save(flow(MINUTELY))
    await verbs.create_backfill(KEY, BEGIN - timedelta(minutes=10), BEGIN - timedelta(minutes=7))
    await stage.look()
    first = await stage.executions()
    assert dates_of(first) == ["2026-03-01T11:51:00Z"]
    await verbs.pause_backfill(KEY)
    await stage.end(first)
    assert await stage.look() == 0
    await verbs.unpause_backfill(KEY)
    await stage.look()
    assert dates_of(await stage.executions()) == ["2026-03-01T11:51:00Z", "2026-03-01T11:52:00Z"]
    await verbs.delete_backfill(KEY)
    assert (await stage.state()).backfill is None


async def test_switching_unlocking_and_beginning_anew(anywhere: Stage) -> None:
    stage, verbs = anywhere, control(anywhere)
    await stage.save(flow(MINUTELY))
    stage.clock.move(seconds=30)
    await stage.look()
    with pytest.raises(NotFoundError):
        await verbs.unlock(TriggerKey("main", "n", "hello", "other"))
    assert not (await verbs.unlock(KEY)).is_locked
    with pytest.raises(ConflictError):
        await verbs.unlock(KEY)
    assert (await verbs.set_disabled(KEY, disabled=True)).next_at is None
    stage.clock.move(minutes=5)
    assert await stage.look() == 0
    await stage.save(flow("    cron: '*/2 * * * *'\n"))
    assert (await stage.state()).disabled
    state = await verbs.set_disabled(KEY, disabled=False)
    assert state.next_at == BEGIN + timedelta(minutes=7, seconds=30)
    stage.clock.move(minutes=2)
    await stage.look()
    assert dates_of(await stage.executions())[1:] == ["2026-03-01T12:08:00Z"]
    fresh = await verbs.reset(KEY)
    assert (fresh.is_locked, fresh.triggered_at, fresh.due_at) == (
        False,
        None,
        BEGIN + timedelta(minutes=9, seconds=30),
    )


async def test_a_state_that_stops_the_trigger(anywhere: Stage) -> None:
    stage = anywhere
    await stage.save(flow(MANY + "    stopAfter: [FAILED]\n"))
    stage.clock.move(seconds=30)
    await stage.look()
    await stage.end(await stage.executions(), State.FAILED, stops=True)
    stage.clock.move(minutes=5)
    assert await stage.look() == 0
    state = await stage.state()
    assert (state.disabled, state.next_at) == (True, None)


async def test_a_change_between_claim_and_write_wins(anywhere: Stage) -> None:
    stage = anywhere
    await stage.save(flow(MINUTELY))
    stage.clock.move(seconds=30)
    scheduler = stage.scheduler()
    apply = stage.database.triggers.apply

    async def late(turns: Any) -> Any:
        await stage.save(flow("    cron: '30 * * * *'\n"))
        return await apply(turns)

    stage.database.triggers.apply = late  # type: ignore[method-assign]  # something happens just before
    assert await scheduler.look() == 1
    stage.database.triggers.apply = apply  # type: ignore[method-assign]  # as it was
    assert await stage.executions() == []
    assert (await stage.state()).next_at == BEGIN + timedelta(minutes=29, seconds=30)


async def test_a_flow_that_cannot_be_read_is_looked_at_later(stage: Stage) -> None:
    await stage.save(flow(MINUTELY))
    stage.clock.move(seconds=30)
    latest = stage.catalog.latest

    async def gone(*_: Any) -> Any:
        raise NotFoundError("gone")

    stage.catalog.latest = gone  # type: ignore[method-assign,assignment]  # for a moment
    assert await stage.look() == 1
    assert (await stage.state()).due_at == stage.clock.now() + timedelta(minutes=1)
    stage.catalog.latest = latest  # type: ignore[method-assign]  # as it was
    stage.clock.move(minutes=1)
    await stage.look()
    assert dates_of(await stage.executions()) == [FIRST]


async def test_locks_that_nothing_holds_are_taken_away(anywhere: Stage) -> None:
    stage = anywhere
    await stage.save(flow(MINUTELY))
    stage.clock.move(seconds=30)
    await stage.look()
    (execution,) = await stage.executions()
    await stage.database.executions.delete("main", [execution.id])
    assert not (await stage.state()).is_locked
    keeper = TriggerKeeper(stage.database.triggers, stage.queue, stage.clock)
    await keeper.look()
    stage.clock.move(minutes=1)
    assert await stage.look() == 1


async def test_a_scheduler_wakes_up_for_what_is_new(stage: Stage) -> None:
    scheduler = stage.scheduler()
    await scheduler.start()
    async with stage.queue.consume(Topic.EXECUTIONS, 10) as started:
        await asyncio.sleep(0.05)
        await stage.save(flow(MINUTELY))
        stage.clock.move(seconds=30)
        await stage.queue.broadcast(Channel.TRIGGERS, [stage.clock.now().isoformat()])
        async with asyncio.timeout(5):
            assert len(await anext(started)) == 1
    assert scheduler.health()["status"] == "UP"
    await scheduler.stop()
    assert len(await stage.executions()) == 1


async def test_one_that_cannot_be_written_harms_no_other(anywhere: Stage) -> None:
    stage = anywhere
    for number in range(4):
        await stage.save(flow(MINUTELY + "    recoverMissedSchedules: NONE\n", flow_id=f"f{number}"))
    stage.clock.move(seconds=30)
    apply = stage.database.triggers.apply

    async def picky(turns: Any) -> Any:
        if any(turn.executions and turn.state.key.flow_id == "f2" for turn in turns):
            raise ValueError("this one cannot be written")
        return await apply(turns)

    stage.database.triggers.apply = picky  # type: ignore[method-assign]  # as a row would be that no column takes
    await stage.look()
    assert [len(await stage.executions(f"f{number}")) for number in range(4)] == [1, 1, 0, 1]
    assert (await stage.state("f2")).due_at == stage.clock.now() + timedelta(minutes=1)
    stage.database.triggers.apply = apply  # type: ignore[method-assign]  # as it was
    stage.clock.move(minutes=1)
    await stage.look()
    assert dates_of(await stage.executions("f2")) == [FIRST], "late, and not missed"
