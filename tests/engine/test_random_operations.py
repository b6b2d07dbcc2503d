"""Random flows with random operations thrown at them: no state is left illegally, and everything comes to an end."""

import random
from itertools import pairwise

import pytest

from segue.domain.execution.facts import Fact, KillRequested, decode_fact, encode_fact
from segue.domain.execution.jobs import Job
from segue.domain.execution.model import Breakpoint
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
)
from segue.domain.execution.state import EXECUTION_TRANSITIONS, State
from segue.domain.labels import Label
from segue.testing.world import Outcome, World, by_type
from tests.engine.test_random_histories import FlowMaker

SEEDS = range(200)
MARKS = [State.SUCCESS, State.WARNING, State.FAILED, State.CANCELLED, State.SKIPPED, State.KILLED]


class Chaos:
    """One flow, its executions, and somebody who presses every button."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.world = World(answer=self.answer)
        self.world.start(self.world.deploy(FlowMaker(seed).flow()))
        self.is_calm = False
        self.replays = 0

    def answer(self, job: Job, world: World) -> Outcome:
        """Most tasks answer, some take their time."""
        return by_type(job, world) if self.is_calm or self.dice.random() < 0.6 else None

    def request(self, execution_id: str) -> Fact:
        dice, now = self.dice, self.world.now
        runs = list(self.world.task_runs[execution_id].values())
        run_id = dice.choice(runs).id if runs else "none"
        self.replays += 1
        point = (Breakpoint(dice.choice(runs).task_id),) if runs else ()
        asked: list[Fact] = [
            RestartRequested("ada"),
            ReplayRequested(new_id=f"r{self.replays}", task_run_id=run_id, breakpoints=point),
            ReplayRequested(new_id=f"r{self.replays}", is_restart=dice.random() < 0.5),
            PauseRequested(),
            ResumeRequested(now),
            ForceRunRequested(),
            BreakpointResumed(point),
            StatusRequested(dice.choice(MARKS)),
            TaskStateRequested(run_id, dice.choice(MARKS)),
            TaskStateRequested(run_id, dice.choice(MARKS)),
            LabelsRequested((Label("k", "v"),)),
            KillRequested(now),
        ]
        return dice.choice(asked)

    def press(self) -> None:
        """One button, on one execution; half of the time twice."""
        execution_id = self.dice.choice(list(self.world.executions))
        fact = decode_fact(encode_fact(self.request(execution_id)))
        for _ in range(self.dice.randint(1, 2)):
            self.world.tell(execution_id, fact)

    def move(self) -> None:
        """A little time: some steps, some answers, maybe a timer."""
        for execution_id in list(self.world.inbox):
            self.world.step(execution_id)
        for job in list(self.world.jobs.values()):
            outcome = self.answer(job, self.world)
            if outcome is not None:
                self.world.finish(job, outcome)
        if self.dice.random() < 0.3:
            self.world.pass_time()

    def calm_down(self) -> None:
        """Nobody presses anything any more but to let go on what stands still."""
        self.is_calm = True
        for _ in range(50):
            self.world.settle(limit=5_000)
            standing = [one for one in self.world.executions.values() if not one.is_finished]
            if not standing:
                return
            for one in standing:
                resume: Fact = ResumeRequested(self.world.now)
                if one.state is State.BREAKPOINT:
                    resume = BreakpointResumed(())
                self.world.tell(one.id, resume)
        raise AssertionError([(one.id, one.state, self.world.states(one.id)) for one in standing])


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_is_asked_executions_come_to_an_end(seed: int) -> None:
    chaos = Chaos(seed)
    for _ in range(chaos.dice.randint(3, 15)):
        chaos.move()
        if len(chaos.world.executions) < 6:
            chaos.press()
    chaos.calm_down()
    world = chaos.world
    for execution in world.executions.values():
        assert execution.state.is_terminated
        for before, after in pairwise(execution.status.histories):
            assert after.state in EXECUTION_TRANSITIONS[before.state], world.histories(execution.id)
        runs = world.task_runs[execution.id]
        assert len(runs) <= execution.task_run_count
        for run in runs.values():
            assert run.parent_id is None or run.parent_id in runs
            assert run.state.is_terminated, (execution.id, run)
            assert all(attempt.status.current.is_terminated for attempt in run.attempts)
    assert not world.jobs
