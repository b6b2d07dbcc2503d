"""Histories of random flows under random faults, and proof that the simulator notices when the engine is wrong."""

import itertools
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from segue.domain.engine import joining
from segue.domain.engine.flowables import BEHAVIOURS, FlowableRun
from segue.domain.engine.flowables.sequential import AllowFailureRun
from segue.domain.engine.outgoing import Outgoing
from segue.domain.engine.progress import Progress
from segue.domain.execution.state import State
from segue.domain.flow import flowables as model
from segue.testing.simulation import SimulationError, simulate
from segue.testing.simulation.__main__ import main
from segue.testing.simulation.database import Database
from segue.testing.simulation.flows import MAKERS

SEEDS = 2000
BLOCKS = 10
NOT_DRAWN = {
    model.ForEachItemCalls: "is part of ForEachItem and cannot be written",
}


@pytest.mark.parametrize("block", range(BLOCKS))
def test_faults_lose_nothing_and_repeat_nothing(block: int):
    simulate_many(range(block, SEEDS, BLOCKS))


def test_every_task_of_the_engine_is_drawn():
    assert BEHAVIOURS.keys() - MAKERS.keys() == NOT_DRAWN.keys() & BEHAVIOURS.keys()


def test_the_same_seed_gives_the_same_history():
    first, second = simulate(42), simulate(42)
    assert (first.story, first.scene.sources) == (second.story, second.scene.sources)


def no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is out of date writes all the same."""
    write = Database.write_decision

    def blind(self: Database, state: Any, decision: Any, facts: Any) -> bool:
        version = self.executions[state.execution.id].version
        state.execution = msgspec.structs.replace(state.execution, version=version)
        return write(self, state, decision, facts)

    monkeypatch.setattr(Database, "write_decision", blind)


def no_slot_of_a_crashed_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slot is freed only when the execution's row knows of it."""

    def free_slot(self: Outgoing) -> None:
        if self.state.execution.concurrency_scopes:
            self.decision.frees_slot = True

    monkeypatch.setattr(Outgoing, "free_slot", free_slot)


def no_freed_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slots are kept for ever."""
    monkeypatch.setattr(Outgoing, "free_slot", lambda self: None)


def no_allowed_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """AllowFailure fails every second time."""
    right, count = AllowFailureRun.final_state, itertools.count()

    def final_state(self: AllowFailureRun) -> State:
        return right(self) if next(count) % 2 else FlowableRun.final_state(self)

    monkeypatch.setattr(AllowFailureRun, "final_state", final_state)


def no_cascade(monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller is not told of the end of what it called."""
    monkeypatch.setattr(Progress, "tell_caller", lambda self, **details: None)


def lost_is_not_resubmitted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The jobs of lost workers are forgotten."""
    monkeypatch.setattr(joining, "lost", lambda progress, fact: None)


def one_job_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill leaves jobs behind."""
    monkeypatch.setattr(Progress, "drop_job", lambda self, run: None)


BUGS: list[Callable[[pytest.MonkeyPatch], None]] = [
    no_version,
    no_slot_of_a_crashed_step,
    no_freed_slot,
    no_allowed_failure,
    no_cascade,
    lost_is_not_resubmitted,
    one_job_stays,
]


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
def test_a_bug_is_found(bug: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch):
    bug(monkeypatch)
    with pytest.raises(SimulationError, match=r"(?s)seed \d+: .*--seeds \d+:\d+ --story"):
        simulate_many(range(SEEDS))


def simulate_many(seeds: range) -> None:
    for seed in seeds:
        simulate(seed)


def test_the_command_tells_what_failed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    assert main(["--seeds", "0:3", "--story"]) == 0
    assert "3 seeds" in capsys.readouterr().out
    no_freed_slot(monkeypatch)
    assert main(["--seeds", "0:50", "--keep-going"]) > 0
    assert "slots are left" in capsys.readouterr().err
