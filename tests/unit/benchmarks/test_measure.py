"""The figures of benchmarks: what is counted, and that a slow server is not flattered."""

import argparse

import pytest
from benchmarks.measure import Span, most_open, percentile, summarise
from benchmarks.report import medians
from benchmarks.suite import parse_rate


def test_percentiles_are_values_that_occurred() -> None:
    values = [float(number) for number in range(1, 101)]
    assert [percentile(values, share) for share in (50, 95, 99, 100)] == [50, 95, 99, 100]
    assert percentile([7.0], 99) == 7
    assert percentile([], 50) == 0


def test_most_open_counts_overlaps_and_those_that_never_end() -> None:
    assert most_open([]) == 0
    assert most_open([Span(0, 1, "SUCCESS"), Span(1, 2, "SUCCESS")]) == 1
    assert most_open([Span(0, 3, "SUCCESS"), Span(1, None, "RUNNING"), Span(2, 4, "SUCCESS")]) == 3


def test_an_execution_that_never_ended_counts_with_its_age_and_is_not_reached() -> None:
    spans = [Span(100, 100.010, "SUCCESS"), Span(100, None, "RUNNING"), Span(100, 170, "SUCCESS")]
    outcome = summarise(spans, began_at=100, duration=60, now=200)
    assert (outcome.stored, outcome.finished, outcome.reached) == (3, 2, 1)
    assert outcome.reached_per_minute == 1
    assert outcome.longest == pytest.approx(100_000)
    assert outcome.states == {"SUCCESS": 2, "RUNNING": 1}


def test_rates() -> None:
    assert parse_rate("1000/min") == parse_rate("1,000") == 1000
    assert parse_rate("20/s") == 1200
    for wrong in ("", "x", "-5", "0", "5/hour"):
        with pytest.raises(argparse.ArgumentTypeError):
            parse_rate(wrong)


def test_medians_are_of_the_figures_all_runs_have() -> None:
    assert medians([{"a": 1, "b": 2.0}, {"a": 3}, {"a": 10}]) == {"a": 3}
