"""jq programs: cheap ones run here, others where they can be stopped, some nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic

import pytest

from segue.expr import Engine, EvaluationError, LimitError, Limits, ServiceMissingError, Services
from segue.expr.jq_program import is_cheap
from segue.ports.jq_process import JqProcess

CHEAP = [
    ".", ".a.b", ".[0]", ".a[].n", "map(.v) | add", '[.a[] | select(.v > 1 and .n == "x") | .n]', "{id, name: .x}", "map({id, name})",
    "to_entries[] | .key", '"\\(.a) and \\(.b)"', "if .a then .b else .c end", ".env", '.a // "none"', "sort_by(.n) | reverse | .[:2]",
]  # fmt: skip
NOT_CHEAP = [
    "range(1e9)", "def f: f; f", "until(false; .)", "repeat(.)", '"a" * 1000000000', "[limit(9; repeat(1))]", ".[1e9] = 1", "combinations",
    "|".join(["[.,.]"] * 30), 'reduce .[] as $x ("a"; . + .)', 'test("(a+)+$")', "[recurse(.)]", ". as $a | $a", 'splits("a")',
]  # fmt: skip


@pytest.fixture(scope="module")
def child() -> Iterator[JqProcess]:
    process = JqProcess()
    yield process
    process.close()


@pytest.mark.parametrize("program", CHEAP)
def test_ordinary_programs_run_here(program: str) -> None:
    assert is_cheap(program, '{"a":[{"n":"x","v":1},{"n":"y","v":2}]}')


@pytest.mark.parametrize("program", NOT_CHEAP)
def test_programs_that_may_loop_or_grow_do_not_run_here(program: str) -> None:
    assert not is_cheap(program, "[1,2,3]")
    with pytest.raises(ServiceMissingError):
        Engine().render("{{ v | jq(p) }}", {"v": [1, 2, 3], "p": program})


def test_many_values_and_several_generators_do_not_run_here() -> None:
    assert is_cheap(".[] | .a[]", "[" + "1," * 1000 + "1]")
    assert not is_cheap("[.[] + .[] + .[]]", "[" + "1," * 1000 + "1]")


@pytest.mark.parametrize(
    "program", ["env", "$ENV.PATH", "input", 'import "a" as a; .', 'include "a"; .', "halt", '"\\(env)"', "{env}", "modulemeta"]
)  # fmt: skip
def test_what_reaches_outside_is_refused(program: str) -> None:
    with pytest.raises(EvaluationError, match="does not allow"):
        Engine().render("{{ v | jq(p) }}", {"v": 1, "p": program})


def test_programs_that_loop_run_in_a_process_of_their_own(child: JqProcess) -> None:
    services = Services(jq=child.run)
    text = "{{ v | jq('[range(0; 5)] | map(. * 2) | add') | first }}"
    assert Engine().render(text, {"v": None} | {"v": 1}, services) == "20"
    assert Engine().render("{{ v | jq('reduce .[] as $x (0; . + $x)') }}", {"v": [1, 2, 3]}, services) == "[6]"
    with pytest.raises(EvaluationError, match="Unable to parse jq value"):
        Engine().render("{{ v | jq('def f: 1; f | error(\"no\")') }}", {"v": 1}, services)


@pytest.mark.parametrize("program", ["def f: f; f", "[range(1e12)]", "|".join(["[.,.]"] * 60)])
def test_a_program_without_end_is_stopped(child: JqProcess, program: str) -> None:
    services = Services(jq=child.run)
    started = monotonic()
    with pytest.raises(LimitError, match="max_jq_seconds") as caught:
        Engine(limits=Limits(max_jq_seconds=0.5)).render("{{ v | jq(p) }}", {"v": [1], "p": program}, services)
    assert caught.value.limit == "max_jq_seconds"
    assert monotonic() - started < 10
    assert Engine().render("{{ v | jq('[limit(2; .[])]') }}", {"v": [1, 2, 3]}, services) == "[[1,2]]"


def test_the_process_sees_no_environment(child: JqProcess) -> None:
    assert child.run("$ENV | del(.LC_CTYPE)", "1", 5) == [{}]
