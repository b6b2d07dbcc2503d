"""One execution with very many iterations: is the last thousand as fast as the first, and what does it weigh?"""

import argparse
import json
import statistics
import sys
import time
import urllib.request
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import psutil

from benchmarks.measure import Rows
from benchmarks.report import print_report
from benchmarks.server import DATABASES, QUEUES, RunningServer, ServerFailed, Setting, Surroundings, memory_of
from benchmarks.workload import NAMESPACE

_BLOCK = 1000
_LOOK_EVERY = 0.5
_PAGE_EVERY = 10.0
"""Seconds; rarely, since a page with thousands of task runs costs what many iterations do."""
_MEGABYTE = 2**20
_ENDED = frozenset({"SUCCESS", "WARNING", "FAILED", "KILLED", "CANCELLED"})


@dataclass(frozen=True, kw_only=True)
class Fan:
    """A flow with a loop. ``source`` is given the number of values and the concurrency limit; ``ends`` reads when
    the iterations of an execution have ended, in seconds since 1970."""

    name: str
    subject: str
    values: int
    concurrency: int
    source: Callable[[int, int], str]
    ends: Callable[[Rows, str], list[float]]


def run_fan(fan: Fan, arguments: list[str]) -> int:
    """Measure with these options of the command line."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks {fan.name}", description=fan.subject)
    parser.add_argument("--values", type=int, default=fan.values)
    parser.add_argument("--concurrency", type=int, default=fan.concurrency, help="iterations at once; 0: all")
    parser.add_argument("--queue", choices=QUEUES, default="memory")
    parser.add_argument("--database", choices=DATABASES, default="sqlite")
    parser.add_argument("--patience", type=float, default=3600.0, help="seconds after which it is given up")
    chosen = parser.parse_args(arguments)
    try:
        with Surroundings(Setting(queue=chosen.queue, database=chosen.database)) as surroundings:
            surroundings.renew()
            with surroundings.launch() as server:
                server.wait_for_worker()
                figures = _measure(fan, chosen, surroundings, server)
    except ServerFailed as error:
        print(f"benchmarks: the server failed: {error}", file=sys.stderr)
        return 1
    title = f"{fan.name}, queue {chosen.queue}, database {chosen.database}: {fan.subject}"
    print_report(title, vars(chosen), [figures])
    return 0 if figures["state is SUCCESS"] else 1


def _measure(fan: Fan, chosen: argparse.Namespace, surroundings: Surroundings, server: RunningServer) -> dict[str, Any]:
    api = f"{server.base}/api/v1/main"
    _call("POST", f"{api}/flows", fan.source(chosen.values, chosen.concurrency).encode(), "application/x-yaml")
    (control_plane,) = server.processes()["control plane"]
    at_rest = memory_of(control_plane)[0]
    watch = server.watch()
    began = time.monotonic()
    execution_id = _call("POST", f"{api}/executions/{NAMESPACE}/{fan.name}", b"")["id"]
    rows = surroundings.rows()
    samples = [_Sample(time.time(), _cpu_seconds(control_plane))]
    pages = [_page(f"{api}/executions/{execution_id}")]
    state, peak = "RUNNING", at_rest
    while state not in _ENDED and time.monotonic() - began < chosen.patience:
        time.sleep(_LOOK_EVERY)
        state = rows.query("SELECT state FROM executions WHERE id = {0}", execution_id)[0][0]
        if time.monotonic() - began > len(pages) * _PAGE_EVERY:
            pages.append(_page(f"{api}/executions/{execution_id}"))
        peak = max(peak, memory_of(control_plane)[0])
        samples.append(_Sample(time.time(), _cpu_seconds(control_plane)))
    usage = watch.end()
    pages.append(_page(f"{api}/executions/{execution_id}"))
    ends = sorted(fan.ends(rows, execution_id))
    blocks = _blocks(ends)
    return {
        "state is SUCCESS": int(state == "SUCCESS"),
        "seconds": usage.wall_seconds,
        "iterations/s": sum(count for count, _ in blocks) / usage.wall_seconds,
        **_figures(blocks),
        **_work(ends, samples),
        "page ms, median": statistics.median(pages),
        "page ms, longest": max(pages),
        "control plane MB at rest": at_rest / _MEGABYTE,
        "control plane MB more at most": (peak - at_rest) / _MEGABYTE,
        "control plane cpu us/iteration": 1e6 * usage.cpu_seconds["control plane"] / chosen.values,
        "worker cpu us/iteration": 1e6 * usage.cpu_seconds["worker"] / chosen.values,
    }


def _page(url: str) -> float:
    """Milliseconds of one look at the execution's page."""
    asked = time.monotonic()
    _call("GET", url)
    return 1000 * (time.monotonic() - asked)


def _blocks(ends: Sequence[float]) -> list[tuple[int, float]]:
    """Number and seconds of each thousand iterations, in the order they have ended."""
    return [
        (len(part), part[-1] - (ends[first - 1] if first else part[0]))
        for first in range(0, len(ends), _BLOCK)
        if (part := ends[first : first + _BLOCK])
    ]


def _figures(blocks: Sequence[tuple[int, float]]) -> dict[str, float]:
    """Time per iteration in the first and the last tenth of the blocks, without the very first and a short last one."""
    whole = [1000 * seconds / count for count, seconds in blocks[1:] if count == _BLOCK] or [0.0]
    tenth = max(1, len(whole) // 10)
    first, last = statistics.mean(whole[:tenth]), statistics.mean(whole[-tenth:])
    return {
        "ms/iteration, first tenth": first,
        "ms/iteration, last tenth": last,
        "last to first": last / first if first else 0.0,
        "ms/iteration, slowest block": max(whole),
    }


class _Sample(NamedTuple):
    """Processor time of the control plane at a moment."""

    at: float
    cpu_seconds: float


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _work(ends: Sequence[float], samples: Sequence[_Sample]) -> dict[str, float]:
    """Processor time per iteration in the second and the last tenth, whatever else the machine did meanwhile.

    The first tenth has the rendering of the values, the last few samples the outputs: both are left out.
    """
    tenth = len(ends) // 10
    if not tenth:
        return {}

    def between(first: int, last: int) -> float:
        spent = _cpu_at(ends[last], samples) - _cpu_at(ends[first], samples)
        return 1e6 * spent / (last - first)

    early, late = between(tenth, 2 * tenth), between(len(ends) - tenth, len(ends) - tenth // 10 - 1)
    return {
        "control plane us, second tenth": early,
        "control plane us, last tenth": late,
        "work, last to second": late / early if early else 0.0,
    }


def _cpu_at(at: float, samples: Sequence[_Sample]) -> float:
    """Processor time at a moment, between the samples around it."""
    place = min(max(bisect_left(samples, at, key=lambda sample: sample.at), 1), len(samples) - 1)
    before, after = samples[place - 1], samples[place]
    share = (at - before.at) / (after.at - before.at) if after.at > before.at else 0.0
    return before.cpu_seconds + min(max(share, 0.0), 1.0) * (after.cpu_seconds - before.cpu_seconds)


def _call(method: str, url: str, body: bytes | None = None, kind: str = "multipart/form-data; boundary=x") -> Any:
    request = urllib.request.Request(url, data=body, method=method, headers={"Content-Type": kind} if body else {})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)
