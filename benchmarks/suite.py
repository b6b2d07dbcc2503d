"""One load benchmark: options, runs, figures."""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvloop

from benchmarks import profiles
from benchmarks.followers import store_followers
from benchmarks.load import LoadPlan, LoadResult, drive, post_request
from benchmarks.measure import Outcome, percentile, read_spans, summarise, wait_until_done
from benchmarks.preload import preload_postgres, preload_sqlite
from benchmarks.report import print_report
from benchmarks.server import DATABASES, QUEUES, RunningServer, ServerFailed, Setting, Surroundings, Usage
from benchmarks.workload import Workload, deploy

_TEMPLATES = 100
_MEGABYTE = 2**20


def parse_rate(text: str) -> float:
    """``1000/min``, ``20/s`` or ``1000`` (per minute) as executions per minute."""
    number, _, unit = text.partition("/")
    factor = {"": 1, "min": 1, "s": 60}.get(unit)
    try:
        rate = float(number.replace(",", "").replace("_", "")) * (factor or 0)
    except ValueError:
        rate = 0
    if rate <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no rate: write 1000/min or 20/s")
    return rate


def options(workload: Workload, arguments: Sequence[str]) -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks {workload.name}", description=f"{workload.name}: {workload.subject}"
    )
    add = parser.add_argument
    add("--rate", type=parse_rate, default=workload.default_rate, help="executions offered, as 1000/min or 20/s")
    add("--duration", type=float, default=60.0, help="seconds of load in each run")
    add("--queue", choices=QUEUES, default="memory")
    add("--database", choices=DATABASES, default="sqlite")
    add("--runs", type=int, default=3, help="runs, each on a new server; medians are reported")
    add("--warm-up", type=float, default=5.0, help="seconds of light load before each run that are not measured")
    add("--preload", type=int, default=0, help="finished executions to store first")
    add("--followers", type=int, default=0, help="flows with a flow trigger for another flow, stored first")
    add("--worker-threads", type=int, default=None, help="tasks at once; the server's default without it")
    add("--connections", type=int, default=256, help="HTTP connections at most")
    add("--patience", type=float, default=60.0, help="seconds to wait for the last executions")
    add("--profile", action="store_true", help="sample the server's processes and print what used their CPU time")
    return parser.parse_args(arguments)


def run_suite(workload: Workload, arguments: Sequence[str]) -> int:
    """Run it and print the report; 1 when something accepted was lost or did not end well."""
    chosen = options(workload, arguments)
    setting = Setting(queue=chosen.queue, database=chosen.database, worker_threads=chosen.worker_threads)
    try:
        with Surroundings(setting) as surroundings:
            runs = _all_runs(workload, chosen, surroundings)
    except ServerFailed as error:
        print(f"benchmarks: the server failed: {error}", file=sys.stderr)
        return 1
    title = (
        f"{workload.name} ({workload.subject}), {chosen.rate:g}/min for {chosen.duration:g} s, "
        f"queue {chosen.queue}, database {chosen.database}"
        + (f", {chosen.preload:,} executions stored before" if chosen.preload else "")
    )
    print_report(title, vars(chosen), runs)
    return 0 if all(run["lost"] == 0 and run["not_successful"] == 0 for run in runs) else 1


def _all_runs(workload: Workload, chosen: argparse.Namespace, surroundings: Surroundings) -> list[dict[str, Any]]:
    runs = []
    if chosen.preload:
        surroundings.renew()
        _preload(workload, chosen, surroundings)
    for number in range(chosen.runs):
        if not chosen.preload:
            surroundings.renew()
        if chosen.followers:
            store_followers(surroundings.database_url, chosen.followers)
        runs.append(_one_run(workload, chosen, surroundings, number + 1))
    return runs


def _preload(workload: Workload, chosen: argparse.Namespace, surroundings: Surroundings) -> None:
    with surroundings.launch() as server:
        server.wait_for_worker()
        deploy(server.base, workload)
        began = time.time()
        _load(workload, server, chosen, rate=600, duration=_TEMPLATES / 10)
        wait_until_done(surroundings.rows(), workload.flow_id, began, chosen.patience)
    began = time.monotonic()
    if surroundings.sqlite_file is not None:
        rows = preload_sqlite(surroundings.sqlite_file, chosen.preload)
    else:
        rows = preload_postgres(surroundings.postgres_url, chosen.preload)
    print(f"stored {chosen.preload:,} executions ({rows:,} rows) in {time.monotonic() - began:.0f} s", flush=True)


def _one_run(workload: Workload, chosen: argparse.Namespace, surroundings: Surroundings, number: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="segue-profile-") as folder:
        environ = profiles.environment(Path(folder), os.environ) if chosen.profile else None
        with surroundings.launch(environ) as server:
            server.wait_for_worker()
            deploy(server.base, workload)
            rows = surroundings.rows()
            _warm_up(workload, chosen, server)
            wait_until_done(rows, workload.flow_id, time.time() - chosen.warm_up - 60, chosen.patience)
            pids = server.pids() if chosen.profile else []
            profiles.begin(pids)
            watch = server.watch()
            result = _load(workload, server, chosen, rate=chosen.rate, duration=chosen.duration)
            wait_until_done(rows, workload.flow_id, result.began_at, chosen.patience)
            usage = watch.end()
            found = profiles.end(pids, Path(folder)) if pids else []
            spans = read_spans(rows, workload.flow_id, result.began_at)
            outcome = summarise(spans, result.began_at, chosen.duration, time.time())
            figures = _figures(result, outcome, usage, server)
            _remark(number, result, outcome, server)
    for profile in found:
        profiles.print_profile(profile, outcome.finished)
    return figures


def _warm_up(workload: Workload, chosen: argparse.Namespace, server: RunningServer) -> None:
    if chosen.warm_up > 0:
        rate = min(chosen.rate, workload.warm_up_rate)
        result = _load(workload, server, chosen, rate=rate, duration=chosen.warm_up)
        if result.errors:
            raise ServerFailed(f"the warm-up was refused: {result.refused} {result.first_refusal}")


def _load(
    workload: Workload, server: RunningServer, chosen: argparse.Namespace, *, rate: float, duration: float
) -> LoadResult:
    plan = LoadPlan(
        host="127.0.0.1",
        port=server.port,
        request=post_request("127.0.0.1", server.port, workload.path, workload.body),
        rate=rate / 60,
        duration=duration,
        connections=chosen.connections,
        patience=chosen.patience,
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(drive(plan))


def _figures(result: LoadResult, outcome: Outcome, usage: Usage, server: RunningServer) -> dict[str, Any]:
    acknowledged = sorted(1000 * seconds for seconds in result.acknowledged)
    done = max(1, outcome.finished)
    own = sum(usage.cpu_seconds.values()) + result.cpu_seconds
    figures: dict[str, Any] = {
        "offered": result.planned,
        "accepted": result.accepted,
        "finished": outcome.finished,
        "reached_per_minute": outcome.reached_per_minute,
        "p50_ms": outcome.p50,
        "p95_ms": outcome.p95,
        "p99_ms": outcome.p99,
        "longest_ms": outcome.longest,
        "acknowledged_p50_ms": percentile(acknowledged, 50),
        "acknowledged_p99_ms": percentile(acknowledged, 99),
        "max_backlog": outcome.max_backlog,
        "request_errors": result.errors,
        "late_requests": result.late,
        "lost": max(0, result.accepted - outcome.stored),
        "not_successful": outcome.stored - outcome.states["SUCCESS"],
    }
    for name, seconds in usage.cpu_seconds.items():
        figures[f"{name} us/execution"] = 1e6 * seconds / done
        figures[f"{name} cpu %"] = 100 * seconds / usage.wall_seconds
    figures["load generator cpu %"] = 100 * result.cpu_seconds / usage.wall_seconds
    figures["other cpu %"] = 100 * max(0.0, usage.machine_busy - own) / usage.wall_seconds
    for name, size in usage.peak_rss.items():
        figures[f"{name} peak rss MB"] = size / _MEGABYTE
    figures["ready_s"] = server.ready_after
    return figures


def _remark(number: int, result: LoadResult, outcome: Outcome, server: RunningServer) -> None:
    states = ", ".join(f"{count} {state}" for state, count in outcome.states.most_common())
    print(f"run {number}: {outcome.reached_per_minute:.0f}/min, p50 {outcome.p50:.1f} ms; {states}", flush=True)
    if result.errors:
        print(f"  errors: {dict(result.refused)}, {result.broken} broken, {result.unanswered} unanswered")
        print(f"  {result.first_refusal}")
    problems = server.problems()
    if problems:
        print(f"  {len(problems)} lines of the server's log are warnings or errors, the first: {problems[0][:300]}")
