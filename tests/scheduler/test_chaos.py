"""Three schedulers on one database, killed at any moment: every date is started once, and only once.

``SEGUE_CHAOS_TRIGGERS`` and ``SEGUE_CHAOS_MINUTES`` make it longer: 1000 and 120 are the full run.
"""

import asyncio
import os
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from segue.ports.repositories.triggers import TriggerRepository
from segue.services.scheduler import TriggerConfig, Triggers
from tests.scheduler.stage import BEGIN, Stage, dates_of, flow

TRIGGERS = int(os.environ.get("SEGUE_CHAOS_TRIGGERS", "60"))
MINUTES = int(os.environ.get("SEGUE_CHAOS_MINUTES", "12"))
SCHEDULERS = 3
CONFIG = TriggerConfig(batch_size=max(5, TRIGGERS // 8))


class Killed(BaseException):
    """The process ends here."""


class Faulty:
    """A repository whose caller dies before or after some of its calls, or stands still before it writes."""

    def __init__(self, triggers: TriggerRepository, cluster: "Cluster") -> None:
        self._triggers = triggers
        self._cluster = cluster

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self._triggers, name)

        async def call(*arguments: Any, **named: Any) -> Any:
            self._cluster.maybe_kill()
            if name == "apply":
                await self._cluster.maybe_stall()
            answer = await method(*arguments, **named)
            self._cluster.maybe_kill()
            return answer

        return call


class Cluster:
    """Schedulers that are begun anew when they die; some stand still, as a machine does that swaps, and go on."""

    def __init__(self, stage: Stage, seed: int) -> None:
        self.stage = stage
        self.dice = random.Random(seed)
        self.kills = self.cancelled = self.stalls = 0
        self._faulty = Faulty(stage.database.triggers, self)
        self._gate = asyncio.Event()
        self._stalled: set[asyncio.Task[Any]] = set()
        self._woken: set[asyncio.Task[Any]] = set()

    def maybe_kill(self) -> None:
        """The end of the process that calls, now and then."""
        if self.dice.random() < 0.08:
            self.kills += 1
            raise Killed

    async def maybe_stall(self) -> None:
        """Stand still until others have gone on, now and then."""
        task = asyncio.current_task()
        assert task is not None
        if task not in self._woken and self.dice.random() < 0.15:
            self.stalls += 1
            self._stalled.add(task)
            await self._gate.wait()

    async def run(self) -> None:
        """Let all of them look until nothing is due, or all have died or stand still."""
        await asyncio.gather(*(self._one() for _ in range(SCHEDULERS)))

    async def go_on(self) -> None:
        """Let those go on that stood still."""
        stalled, self._stalled, gate, self._gate = self._stalled, set(), self._gate, asyncio.Event()
        self._woken |= stalled
        gate.set()
        if stalled:
            await asyncio.wait(stalled)

    async def _one(self) -> None:
        scheduler = self.stage.scheduler(self._faulty, CONFIG)  # type: ignore[arg-type]  # forwards every verb
        looking = asyncio.create_task(self._look(scheduler))
        if self.dice.random() < 0.15:
            await asyncio.sleep(self.dice.random() * 0.03)
            self.cancelled += not looking.done()
            looking.cancel()
        while not looking.done() and looking not in self._stalled:
            await asyncio.wait([looking], timeout=0.005)

    async def _look(self, scheduler: Triggers) -> None:
        try:
            await self.stage.look(scheduler)
        except Killed:
            return


@pytest.mark.timeout(1800)
async def test_every_date_is_started_once(anywhere: Stage) -> None:
    stage = anywhere
    trigger = "    cron: '* * * * *'\n    allowConcurrent: true"
    for number in range(TRIGGERS):
        await stage.save(flow(trigger, flow_id=f"f{number}"))
    cluster = Cluster(stage, seed=TRIGGERS + MINUTES)
    stage.clock.move(seconds=30)
    for _ in range(MINUTES):
        await cluster.run()
        stage.clock.move(seconds=12)  # what was claimed by the dead is due again
        await cluster.run()
        await cluster.go_on()
        stage.clock.move(seconds=48)
    stage.clock.move(seconds=-20)
    await cluster.go_on()
    await stage.look()
    assert cluster.kills > 5
    assert cluster.stalls > 5
    assert cluster.cancelled > 0
    wanted = {(BEGIN + timedelta(seconds=30, minutes=each)).isoformat()[:19] + "Z" for each in range(MINUTES)}
    made = await stage.executions(None)
    found = Counter((each.flow.flow_id, date) for each in made for date in dates_of([each]))
    assert len(made) == TRIGGERS * MINUTES
    assert set(found) == {(f"f{number}", date) for number in range(TRIGGERS) for date in wanted}
    assert set(found.values()) == {1}
    facts = await stage.database.executions.backlog()
    assert facts == len(made), "every execution has its fact"


async def test_one_after_the_other_while_everybody_dies(anywhere: Stage) -> None:
    stage = anywhere
    for number in range(10):
        await stage.save(flow("    cron: '* * * * *'", flow_id=f"f{number}"))
    cluster = Cluster(stage, seed=7)
    stage.clock.move(seconds=30)
    open_ones: dict[str, str] = {}
    seen: set[str] = set()
    for _ in range(40):
        await cluster.run()
        fresh = [each for each in await stage.executions(None) if each.id not in seen]
        for execution in fresh:
            assert execution.flow.flow_id not in open_ones, "two executions of one trigger at a time"
            open_ones[execution.flow.flow_id] = execution.id
            seen.add(execution.id)
        stage.clock.move(seconds=15)
        if cluster.dice.random() < 0.5:
            await cluster.go_on()
        over = [each for each in fresh if cluster.dice.random() < 0.8]
        await stage.end(over)
        for execution in over:
            del open_ones[execution.flow.flow_id]
        if cluster.dice.random() < 0.2:
            left = [each for each in await stage.executions(None) if each.id in open_ones.values()]
            await stage.end(left)
            open_ones.clear()
    await cluster.go_on()
    for number in range(10):
        dates = dates_of(await stage.executions(f"f{number}"))
        assert len(set(dates)) == len(dates)
        assert dates == sorted(dates)
        first = BEGIN + timedelta(seconds=30)
        assert dates == [(first + timedelta(minutes=each)).isoformat()[:19] + "Z" for each in range(len(dates))]
