"""Limits, threads and odd values of what a task shows."""

import itertools
import json
import threading
from decimal import Decimal
from typing import Any

import pytest

from segue.domain.execution.insights import MAX_CONTENT, InsightState
from segue.proto.generated import worker_pb2 as pb
from segue.services.worker.insights import MAX_ROWS, InsightLimits, TaskInsights
from segue.services.worker.journal import Masks

RUN = pb.TaskRunKey(execution_id="e", task_run_id="e-0", attempt=1)


class Shown:
    """Insights with what they told."""

    def __init__(self, count: int = 1000, size: int = 1 << 20) -> None:
        self.told: list[pb.Insight] = []
        self.masks = Masks()
        self.insights = TaskInsights(RUN, self.told.append, self.masks, InsightLimits(count, size))

    def contents(self) -> list[Any]:
        assert all(len(one.content) <= MAX_CONTENT for one in self.told)
        return [json.loads(one.content) for one in self.told]

    def brief(self) -> list[tuple[int, int, str, str]]:
        return [(one.number, one.revision, one.name, one.state) for one in self.told]


@pytest.fixture
def shown() -> Shown:
    return Shown()


def test_too_many_insights_are_dropped_with_one_note() -> None:
    shown = Shown(count=3)
    with shown.insights.step("open", a=1):
        for number in range(10):
            shown.insights.text(f"text {number}", "x")
        with shown.insights.step("too much") as step:
            step.set(a=1)
    assert shown.brief() == [
        (0, 0, "open", "RUNNING"),
        (1, 0, "text 0", ""),
        (2, 0, "Insights", ""),
        (0, 1, "open", "SUCCESS"),
    ]
    assert shown.contents()[2] == {"markdown": "This attempt shows too much; what comes after is dropped."}


def test_too_many_bytes_are_dropped() -> None:
    shown = Shown(size=50_000)
    for _ in range(10):
        shown.insights.text("t", "x" * 29_000)
    assert [one.name for one in shown.told] == ["t", "t", "Insights"]


def test_a_table_without_end_is_cut(shown: Shown) -> None:
    shown.insights.table("t", ["n"], ([number] for number in itertools.count()))
    shown.insights.table("wide", ["w"] * 60, [["x" * 5_000] * 60] * 100)
    shown.insights.table("exact", ["n"], [[number] for number in range(MAX_ROWS)])
    endless, wide, exact = shown.contents()
    assert (len(endless["rows"]), endless["truncated"]) == (MAX_ROWS, True)
    assert (len(wide["columns"]), wide["truncated"], len(wide["rows"])) == (50, True, 1)
    assert (len(exact["rows"]), "truncated" in exact) == (MAX_ROWS, False)


class Odd:
    def __str__(self) -> str:
        raise ValueError("no text")


def test_odd_values_never_raise(shown: Shown) -> None:
    loop: list[Any] = []
    loop.append(loop)
    with shown.insights.step("\ud800", **{"\udfff": "\ud800"}) as step:
        step.set(a=float("nan"), b=1 << 80, c=b"x", d={1: {2}}, e=Odd(), f=loop, g=Decimal("1.5"), h=["y" * 1000] * 100)
    shown.insights.link("script", "javascript:alert(1)")
    shown.insights.progress(float("inf"), None)
    content = shown.contents()[1]
    assert (content["a"], content["b"], content["d"], content["g"]) == ("nan", str(1 << 80), {"1": [2]}, "1.5")
    assert content["e"] == "(Odd without a text: ValueError)"
    assert "h" not in content
    assert [one.kind for one in shown.told] == ["STEP", "STEP", "TEXT", "PROGRESS"]


def test_progress_is_told_now_and_then_and_at_the_end(shown: Shown) -> None:
    for done in range(1000):
        shown.insights.progress(done, 5000, "rows")
    assert 1 <= len(shown.told) < 10
    shown.insights.close(InsightState.SUCCESS)
    assert shown.contents()[-1] == {"done": 999, "total": 5000, "message": "rows"}
    assert {one.number for one in shown.told} == {0}
    assert [one.revision for one in shown.told] == list(range(len(shown.told)))


def test_the_end_of_the_work_is_told_at_once(shown: Shown) -> None:
    shown.insights.progress(1, 2)
    shown.insights.progress(2, 2)
    assert shown.contents() == [{"done": 1, "total": 2}, {"done": 2, "total": 2}]


def test_what_comes_after_the_end_is_dropped(shown: Shown) -> None:
    step = shown.insights.step("late")
    step.__enter__()
    shown.insights.close(InsightState.FAILED)
    step.__exit__(None, None, None)
    shown.insights.text("t", "x")
    shown.insights.progress(1)
    with shown.insights.step("never"):
        pass
    assert shown.brief() == [(0, 0, "late", "RUNNING"), (0, 1, "late", "FAILED")]


def test_threads_count_together_and_begin_outside_of_steps(shown: Shown) -> None:
    def work() -> None:
        for _ in range(50):
            with shown.insights.step("in thread"):
                shown.insights.text("t", "x")

    with shown.insights.step("outer"):
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    numbers = [one.number for one in shown.told if not one.revision]
    assert sorted(numbers) == list(range(401))
    steps = {one.number for one in shown.told if one.name == "in thread"}
    assert all(one.parent in steps for one in shown.told if one.kind == "TEXT")
    assert not any(one.HasField("parent") for one in shown.told if one.name == "in thread")


def test_the_step_of_another_attempt_is_no_step_around(shown: Shown) -> None:
    other = Shown()
    with other.insights.step("other"):
        shown.insights.text("t", "x")
    assert not shown.told[0].HasField("parent")
