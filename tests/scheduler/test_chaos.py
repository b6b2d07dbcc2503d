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
    """A repository whose caller dies before or after some of its calls."""

    def __init__(self, triggers: TriggerRepository, dice: random.Random) -> None:
        self._triggers = triggers
        self._dice = dice
        self.kills = 0

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self._triggers, name)

        async def call(*arguments: Any, **named: Any) -> Any:
            self._roll()
            answer = await method(*arguments, **named)
            self._roll()
            return answer

        return call

    def _roll(self) -> None:
        if self._dice.random() < 0.08:
            self.kills += 1
            raise Killed


class Cluster:
    """Schedulers that are begun anew when they die."""

    def __init__(self, stage: Stage, seed: int) -> None:
        self.stage = stage
        self.dice = random.Random(seed)
        self.faulty = Faulty(stage.database.triggers, self.dice)
        self.cancelled = 0

    async def run(self) -> None:
        """Let all of them look until nothing is due or all have died."""
        await asyncio.gather(*(self._one() for _ in range(SCHEDULERS)))

    async def _one(self) -> None:
        scheduler = self.stage.scheduler(self.faulty, CONFIG)  # type: ignore[arg-type]  # forwards every verb
        looking = asyncio.create_task(self._look(scheduler))
        if self.dice.random() < 0.15:
            await asyncio.sleep(self.dice.random() * 0.03)
            self.cancelled += not looking.done()
            looking.cancel()
        await asyncio.wait([looking])

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
        stage.clock.move(seconds=48)
    stage.clock.move(seconds=-20)
    await stage.look()
    assert cluster.faulty.kills > 5
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
        over = [each for each in fresh if cluster.dice.random() < 0.8]
        await stage.end(over)
        for execution in over:
            del open_ones[execution.flow.flow_id]
        if cluster.dice.random() < 0.2:
            left = [each for each in await stage.executions(None) if each.id in open_ones.values()]
            await stage.end(left)
            open_ones.clear()
    for number in range(10):
        dates = dates_of(await stage.executions(f"f{number}"))
        assert len(set(dates)) == len(dates)
        assert dates == sorted(dates)
        first = BEGIN + timedelta(seconds=30)
        assert dates == [(first + timedelta(minutes=each)).isoformat()[:19] + "Z" for each in range(len(dates))]
