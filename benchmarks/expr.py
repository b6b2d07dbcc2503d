"""Expressions: Segue against Jinja2's sandbox, ten equal templates, rendering and compiling.

Jinja2 runs as its users run it for untrusted templates: `SandboxedEnvironment`, strict about missing variables,
templates compiled once. Segue renders through `Engine.render`, the cache lookup by text included, with the
services of a control plane (a clock, so that its time limit is at work).
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
from collections.abc import Callable
from datetime import UTC, datetime
from time import perf_counter
from typing import NamedTuple

from jinja2 import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from benchmarks.expr_templates import CONTEXT, PAIRS, Pair
from segue.expr import Dialect, Engine, Services

SERVICES = Services(clock=lambda: datetime.now(UTC))


class Row(NamedTuple):
    """Medians of one pair, in microseconds."""

    name: str
    segue: float
    jinja: float
    compile_segue: float
    compile_jinja: float


def _times(calls: tuple[Callable[[], object], ...], rounds: int, round_seconds: float) -> list[float]:
    """Median microseconds a call for each, measured in turn so that a busy moment hits all of them."""
    counts = []
    for call in calls:
        started = perf_counter()
        call()
        once = max(perf_counter() - started, 1e-7)
        counts.append(max(1, int(round_seconds / once)))
    samples: list[list[float]] = [[] for _ in calls]
    gc.disable()
    try:
        for _ in range(rounds):
            for call, count, found in zip(calls, counts, samples, strict=True):
                started = perf_counter()
                for _ in range(count):
                    call()
                found.append((perf_counter() - started) / count * 1e6)
            gc.collect()
    finally:
        gc.enable()
    return [statistics.median(found) for found in samples]


def _jinja() -> SandboxedEnvironment:
    environment = SandboxedEnvironment(undefined=StrictUndefined, cache_size=0)
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    return environment


def measure(pair: Pair, rounds: int, round_seconds: float) -> Row:
    """One pair; raises `AssertionError` when the two languages do not say the same."""
    engine, environment = Engine(), _jinja()
    template = environment.from_string(pair.jinja)
    ours, theirs = engine.render(pair.segue, CONTEXT, SERVICES), template.render(CONTEXT)
    assert ours == theirs, (pair.name, ours, theirs)
    uncached = Engine(cache_size=0)
    times = _times(
        (
            lambda: engine.render(pair.segue, CONTEXT, SERVICES),
            lambda: template.render(CONTEXT),
            lambda: uncached.compile(pair.segue, Dialect.V2),
            lambda: environment.from_string(pair.jinja),
        ),
        rounds,
        round_seconds,
    )
    return Row(pair.name, *times)


def report(rows: list[Row]) -> dict[str, float]:
    """Print the table; the figures that the goals are about."""
    print(
        f"{'template':<18}{'Segue us':>10}{'Jinja2 us':>11}{'ratio':>7}{'compile us':>12}{'Jinja2 us':>11}{'faster':>8}"
    )
    for row in rows:
        compiling = (
            f"{row.compile_segue:>12.1f}{row.compile_jinja:>11.1f}{row.compile_jinja / row.compile_segue:>7.1f}x"
        )
        print(f"{row.name:<18}{row.segue:>10.2f}{row.jinja:>11.2f}{row.segue / row.jinja:>7.2f}{compiling}")
    ratios = [row.segue / row.jinja for row in rows]
    figures = {
        "median_ratio": round(statistics.median(ratios), 3),
        "worst_ratio": round(max(ratios), 3),
        "median_compile_faster": round(statistics.median(row.compile_jinja / row.compile_segue for row in rows), 2),
        "least_compile_faster": round(min(row.compile_jinja / row.compile_segue for row in rows), 2),
    }
    print(json.dumps(figures))
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks expr", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="samples a median is taken of")
    parser.add_argument("--round-seconds", type=float, default=0.02, help="length of one sample")
    options = parser.parse_args()
    report([measure(pair, options.rounds, options.round_seconds) for pair in PAIRS])


if __name__ == "__main__":
    main()
