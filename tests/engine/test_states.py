"""The table of states and its drawing say the same."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from segue.domain.execution.operations import LEGAL_STATES
from segue.domain.execution.state import EXECUTION_TRANSITIONS, TERMINATED, State, Status

DRAWING = Path(__file__).parents[2] / "docs" / "internals" / "states.md"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_drawing_shows_the_table() -> None:
    drawn = set(re.findall(r"^\s+([A-Z]+) --> ([A-Z]+)$", DRAWING.read_text(), re.MULTILINE))
    table = {
        (before.value, after.value)
        for before, states in EXECUTION_TRANSITIONS.items()
        if before not in TERMINATED
        for after in states
    }

    assert drawn == table


def test_terminated_states_lead_to_restart_and_to_each_other() -> None:
    for state in TERMINATED:
        assert EXECUTION_TRANSITIONS[state] == TERMINATED | {State.RESTARTED}


def test_a_status_keeps_its_histories_and_never_goes_back_in_time() -> None:
    status = Status.begin(NOW).to(State.RUNNING, NOW - timedelta(seconds=5))

    assert [moment.at for moment in status.histories] == [NOW, NOW]
    assert status.to(State.RUNNING, NOW + timedelta(1)) is status
    assert status.ended_at is None
    assert status.to(State.PAUSED, NOW + timedelta(seconds=2)).duration(NOW) == timedelta(seconds=2)


def test_the_page_shows_which_operations_are_legal() -> None:
    every = frozenset(State) - {State.SUBMITTED}
    groups = {"any": every, "any but terminated": every - TERMINATED, "terminated": TERMINATED}
    rows = re.findall(r"^\| ([a-z-]+) \| (.+) \|$", DRAWING.read_text(), re.MULTILINE)
    drawn = {
        name: frozenset().union(*(groups.get(word) or {State(word)} for word in states.split(", ")))
        for name, states in rows
    }

    assert drawn == {operation.value: states for operation, states in LEGAL_STATES.items()}
