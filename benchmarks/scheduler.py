"""100,000 schedules: time to ready, CPU at rest, how late one is, and how late 1,000 in the same second are."""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from benchmarks.measure import Rows, percentile
from benchmarks.report import print_report
from benchmarks.server import DATABASES, QUEUES, RunningServer, ServerFailed, Setting, Surroundings
from benchmarks.workload import NAMESPACE, call
from segue.adapters.databases.sql import SqlDatabase
from segue.domain.execution.model import Execution
from segue.domain.execution.state import State
from segue.domain.flow.parse import parse_flow
from segue.domain.trigger.registration import registration_of
from segue.plugins.registry import PluginRegistry
from segue.ports.repositories.flows import StoredFlow

_PER_FLOW = 100
_LEAD = 45
"""Seconds between the last flow that is stored and the moment when all of them are due."""
_decoder = msgspec.json.Decoder(Execution)


def source(flow_id: str, crons: Sequence[str]) -> str:
    """A flow with a schedule for each cron expression, with seconds."""
    triggers = "\n".join(
        f"  - {{id: t{number}, type: io.kestra.plugin.core.trigger.Schedule, withSeconds: true, cron: '{cron}'}}"
        for number, cron in enumerate(crons)
    )
    return f"""
id: {flow_id}
namespace: {NAMESPACE}
triggers:
{triggers}
tasks:
  - {{id: say, type: io.kestra.plugin.core.log.Log, message: "{{{{ trigger.date }}}}"}}
"""


async def store(url: str, schedules: int) -> None:
    """Store flows whose schedules are not due within this benchmark."""
    database, types, now = SqlDatabase(url), PluginRegistry(), datetime.now(UTC)
    far = now + timedelta(days=40)
    await database.start()
    for number in range(schedules // _PER_FLOW):
        crons = [f"{each % 60} {number % 60} * {far.day} {far.month} *" for each in range(_PER_FLOW)]
        text = source(f"idle-{number}", crons)
        flow = parse_flow(text, types).valid_flow()
        stored = StoredFlow(tenant="main", namespace=NAMESPACE, id=flow.id, revision=0, source=text, updated_at=now)
        await database.flows.save(stored, triggers=registration_of(flow, now))
    await database.stop()


def lateness(rows: Rows, flow_ids: str) -> tuple[list[float], list[float]]:
    """Milliseconds from the date of each execution to its creation, and to the moment when it runs, sorted."""
    created, running = [], []
    for (body,) in rows.query("SELECT body FROM executions WHERE flow_id LIKE {0}", flow_ids):
        execution = _decoder.decode(body)
        assert execution.trigger is not None
        date = datetime.fromisoformat(execution.trigger.variables["date"])
        created.append((execution.created_at - date).total_seconds() * 1000)
        runs = [moment.at for moment in execution.status.histories if moment.state is State.RUNNING]
        running += [(at - date).total_seconds() * 1000 for at in runs[:1]]
    return sorted(created), sorted(running)


def figures(name: str, found: tuple[list[float], list[float]]) -> dict[str, Any]:
    """The usual percentiles."""
    answer: dict[str, Any] = {f"{name} executions": len(found[0])}
    for what, sample in zip(("created", "running"), found, strict=True):
        answer |= {f"{name} {what} ms p{share:g}": percentile(sample, share) for share in (50, 99)}
        answer[f"{name} {what} ms max"] = sample[-1] if sample else 0.0
    return answer


def deploy(server: RunningServer, *sources: str) -> None:
    """Store flows through the API."""
    for begin in range(0, len(sources), 200):
        content = "\n---\n".join(sources[begin : begin + 200]).encode()
        call(server.base, "POST", "/api/v1/main/flows/bulk?delete=false", content, "application/x-yaml")


def measure(chosen: argparse.Namespace, surroundings: Surroundings) -> dict[str, Any]:
    """One run."""
    surroundings.renew()
    began = time.monotonic()
    asyncio.run(store(surroundings.database_url, chosen.schedules))
    answer: dict[str, Any] = {"stored s": time.monotonic() - began}
    with surroundings.launch() as server:
        server.wait_for_worker()
        answer["ready s"] = server.ready_after
        time.sleep(5)
        watch = server.watch()
        time.sleep(chosen.duration)
        usage = watch.end()
        answer |= {f"{name} CPU % at rest": 100 * used / usage.wall_seconds for name, used in usage.cpu_seconds.items()}
        deploy(server, source("single", ["* * * * * *"]))
        time.sleep(chosen.duration)
        call(server.base, "DELETE", f"/api/v1/main/flows/{NAMESPACE}/single")
        answer |= figures("one", lateness(surroundings.rows(), "single"))
        due = datetime.now(UTC) + timedelta(seconds=_LEAD)
        cron = f"{due.second} {due.minute} {due.hour} {due.day} {due.month} *"
        deploy(server, *(source(f"many-{number}", [cron]) for number in range(chosen.burst)))
        answer["seconds between storing and the date"] = (due - datetime.now(UTC)).total_seconds()
        time.sleep(max(0.0, (due - datetime.now(UTC)).total_seconds()) + 15)
        answer |= figures("many", lateness(surroundings.rows(), "many-%"))
        for problem in server.problems()[:5]:
            print(problem, file=sys.stderr)
    return answer


def main(arguments: list[str]) -> int:
    """Measure with these options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks scheduler", description=__doc__)
    parser.add_argument("--queue", choices=QUEUES, default="memory")
    parser.add_argument("--database", choices=DATABASES, default="sqlite")
    parser.add_argument("--schedules", type=int, default=100_000, help="schedules that wait for another month")
    parser.add_argument("--burst", type=int, default=1000, help="schedules due in the same second")
    parser.add_argument("--duration", type=float, default=30.0, help="seconds at rest, and of one date a second")
    chosen = parser.parse_args(arguments)
    try:
        with Surroundings(Setting(queue=chosen.queue, database=chosen.database)) as surroundings:
            found = measure(chosen, surroundings)
    except ServerFailed as error:
        print(f"benchmarks: the server failed: {error}", file=sys.stderr)
        return 1
    print_report(f"scheduler, queue {chosen.queue}, database {chosen.database}", vars(chosen), [found])
    return 0 if found["many executions"] == chosen.burst else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
