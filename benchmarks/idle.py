"""A server without work: time to ready, memory, CPU."""

import argparse
import statistics
import sys
import time
from typing import Any

from benchmarks.report import print_report
from benchmarks.server import DATABASES, QUEUES, ServerFailed, Setting, Surroundings, memory_of

_MEGABYTE = 2**20


def main(arguments: list[str]) -> int:
    """Measure with these options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks idle", description=__doc__)
    parser.add_argument("--queue", choices=QUEUES, default="memory")
    parser.add_argument("--database", choices=DATABASES, default="sqlite")
    parser.add_argument("--starts", type=int, default=5, help="starts to take the median ready time of")
    parser.add_argument("--settle", type=float, default=30.0, help="seconds before memory is read")
    parser.add_argument("--duration", type=float, default=60.0, help="seconds over which CPU is measured")
    chosen = parser.parse_args(arguments)
    try:
        with Surroundings(Setting(queue=chosen.queue, database=chosen.database)) as surroundings:
            figures = _measure(chosen, surroundings)
    except ServerFailed as error:
        print(f"benchmarks: the server failed: {error}", file=sys.stderr)
        return 1
    print_report(f"idle, queue {chosen.queue}, database {chosen.database}", vars(chosen), [figures])
    return 0


def _measure(chosen: argparse.Namespace, surroundings: Surroundings) -> dict[str, Any]:
    first, later = [], []
    for _ in range(chosen.starts):
        surroundings.renew()
        with surroundings.launch() as server:
            first.append(server.ready_after)
        with surroundings.launch() as server:
            later.append(server.ready_after)
    figures: dict[str, Any] = {
        "ready s, empty database": statistics.median(first),
        "ready s, schema in place": statistics.median(later),
    }
    with surroundings.launch() as server:
        server.wait_for_worker()
        time.sleep(chosen.settle)
        total = 0
        for name, group in server.processes().items():
            sizes = [memory_of(process) for process in group]
            figures[f"{name} processes"] = len(group)
            figures[f"{name} rss MB"] = sum(rss for rss, _ in sizes) / _MEGABYTE
            figures[f"{name} unshared MB"] = sum(uss for _, uss in sizes) / _MEGABYTE
            total += sum(rss for rss, _ in sizes)
        figures["all rss MB"] = total / _MEGABYTE
        watch = server.watch()
        time.sleep(chosen.duration)
        usage = watch.end()
        for name, seconds in usage.cpu_seconds.items():
            figures[f"{name} cpu %"] = 100 * seconds / usage.wall_seconds
    return figures


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
