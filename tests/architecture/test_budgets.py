"""Files, classes and functions stay small. Exceptions are named here, each with its reason."""

from pathlib import Path

from tests.architecture.budgets import FUNCTION_LINES_P90, Measure, function_lengths, measures

SOURCE = Path(__file__).parents[2] / "src" / "segue"

EXCEPTIONS: dict[tuple[str, str], str] = {
    ("verbs of a port", "ports/repositories/database.py::Database"): "hands out repositories: a property for each",
}
"""``(budget, name)`` -> why it may pass its budget."""


def test_everything_is_within_its_budget(capsys):
    found = list(measures(SOURCE))
    with capsys.disabled():
        print(f"\n{summary(found)}")
    over = [m for m in found if m.value > m.limit and (m.budget, m.name) not in EXCEPTIONS]
    assert not over, "\n" + "\n".join(str(measure) for measure in over)


def test_nine_of_ten_functions_are_short():
    lengths = function_lengths(SOURCE)
    assert lengths[int(len(lengths) * 0.9)] <= FUNCTION_LINES_P90


def test_exceptions_are_still_needed():
    over = {(m.budget, m.name) for m in measures(SOURCE) if m.value > m.limit}
    assert EXCEPTIONS.keys() <= over
    assert all(reason for reason in EXCEPTIONS.values())


def summary(found: list[Measure]) -> str:
    """One line for each budget: the largest value, the limit, and who is largest."""
    lines = []
    for budget in dict.fromkeys(measure.budget for measure in found):
        largest = max((m for m in found if m.budget == budget), key=lambda measure: measure.value)
        lines.append(f"{budget:<26} max {largest.value:>4} of {largest.limit:<4} {largest.name}")
    lengths = function_lengths(SOURCE)
    lines.append(f"{'lines of a function':<26} p90 {lengths[int(len(lengths) * 0.9)]:>4} of {FUNCTION_LINES_P90}")
    return "\n".join(lines)
