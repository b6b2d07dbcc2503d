"""Python scripts: forty of Fibonacci(10) one after the other and at once, and how long one takes to start.

``start`` is the time from when the worker began the task to the first line of the script. ``environment`` is the same
script with a ``pythonVersion``, so that it runs in an environment that is kept (made in the first execution, which is
not counted). ``--ordinary`` starts an interpreter for every script.
"""

import argparse
import json
import os
import statistics
import sys
import time
import urllib.request
from datetime import datetime
from typing import Any

from benchmarks.measure import percentile
from benchmarks.report import print_report
from benchmarks.server import DATABASES, QUEUES, RunningServer, ServerFailed, Setting, Surroundings
from benchmarks.workload import NAMESPACE, call

_ENDED = frozenset({"SUCCESS", "WARNING", "FAILED", "KILLED", "CANCELLED"})
_VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
_FLOWS = {
    "sequential": (1, ""),
    "parallel": (0, ""),
    "environment": (1, f"pythonVersion: '{_VERSION}'"),
}


def source(name: str, values: int) -> str:
    """A flow with so many scripts."""
    limit, more = _FLOWS[name]
    return f"""
id: {name}
namespace: {NAMESPACE}
tasks:
  - id: each
    type: io.kestra.plugin.core.flow.ForEach
    values: "{{{{ range(1, {values}) }}}}"
    concurrencyLimit: {limit}
    tasks:
      - id: fibonacci
        type: io.kestra.plugin.scripts.python.Script
        {more}
        script: |
          import time
          began = time.time()
          def fibonacci(n):
              return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)
          import json
          print("::" + json.dumps({{"outputs": {{"began": began, "value": fibonacci(10)}}}}) + "::")
"""


def main(arguments: list[str]) -> int:
    """Measure with these options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks scripts", description="Python scripts on the worker")
    parser.add_argument("--values", type=int, default=40, help="scripts of an execution")
    parser.add_argument("--executions", type=int, default=5, help="counted executions of each flow in a run")
    parser.add_argument("--runs", type=int, default=3, help="runs, each on a new server; medians are reported")
    parser.add_argument("--ordinary", action="store_true", help="without warm interpreters")
    parser.add_argument("--queue", choices=QUEUES, default="memory")
    parser.add_argument("--database", choices=DATABASES, default="sqlite")
    parser.add_argument("--patience", type=float, default=120.0, help="seconds after which an execution is given up")
    chosen = parser.parse_args(arguments)
    runs = []
    try:
        with Surroundings(Setting(queue=chosen.queue, database=chosen.database)) as surroundings:
            environ = {
                **os.environ,
                "SEGUE_WORKER_PYTHON_WARM_INTERPRETERS": "0" if chosen.ordinary else "4",
                "SEGUE_WORKER_PYTHON_CACHE_PATH": str(surroundings.folder / "python"),
            }
            for _ in range(chosen.runs):
                surroundings.renew()
                with surroundings.launch(environ) as server:
                    server.wait_for_worker()
                    runs.append(_measure(chosen, server))
    except ServerFailed as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    way = "an interpreter for each" if chosen.ordinary else "warm interpreters"
    print_report(f"scripts: {chosen.values} Python scripts in an execution, {way}", vars(chosen), runs)
    return 0


def _measure(chosen: argparse.Namespace, server: RunningServer) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for name in _FLOWS:
        call(server.base, "POST", "/api/v1/main/flows", source(name, chosen.values).encode(), "application/x-yaml")
        first = _execute(server.base, name, chosen)
        counted = [_execute(server.base, name, chosen) for _ in range(chosen.executions)]
        starts = sorted(start for one in counted for start in one[1])
        figures |= {
            f"{name}, first execution s": first[0],
            f"{name}, execution s": statistics.median(one[0] for one in counted),
            f"{name}, start p50 ms": percentile(starts, 50),
            f"{name}, start p95 ms": percentile(starts, 95),
        }
    return figures


def _execute(base: str, name: str, chosen: argparse.Namespace) -> tuple[float, list[float]]:
    """Seconds of one execution, and milliseconds to the first line of each of its scripts."""
    form = urllib.request.Request(
        f"{base}/api/v1/main/executions/{NAMESPACE}/{name}",
        data=b"",
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )
    with urllib.request.urlopen(form, timeout=30) as answer:
        id_ = json.load(answer)["id"]
    deadline = time.monotonic() + chosen.patience
    execution = call(base, "GET", f"/api/v1/main/executions/{id_}")
    while execution["state"]["current"] not in _ENDED:
        if time.monotonic() > deadline:
            raise ServerFailed(f"the execution {id_} of {name} has not ended")
        time.sleep(0.05)
        execution = call(base, "GET", f"/api/v1/main/executions/{id_}")
    if execution["state"]["current"] != "SUCCESS":
        raise ServerFailed(f"the execution {id_} of {name} is {execution['state']['current']}")
    scripts = [run for run in execution["taskRunList"] if run["taskId"] == "fibonacci"]
    given = [call(base, "GET", f"/api/v1/main/outputs/{id_}/{run['id']}")["vars"] for run in scripts]
    if len(scripts) != chosen.values or any(one["value"] != 55 for one in given):
        raise ServerFailed(f"the execution {id_} of {name} has other results than it should")
    return _seconds(execution["state"]), [_start(run, one["began"]) for run, one in zip(scripts, given, strict=True)]


def _seconds(state: dict[str, Any]) -> float:
    return _moment(state["endDate"]) - _moment(state["startDate"])


def _start(run: dict[str, Any], began: float) -> float:
    (attempt,) = run["attempts"]
    running = next(one["date"] for one in attempt["state"]["histories"] if one["state"] == "RUNNING")
    return 1000 * (began - _moment(running))


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
