"""Five hundred executions, what is done to them meanwhile, and whether anything is wrong afterwards."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy

from tests.chaos.plugin import TYPE
from tests.rest import ENDED, Json, RestClient, histories, summary

NAMESPACE, FLOW = "tests.chaos", "six"
COUNT = 500
STEPS = ("first", "left", "right", "third", "fourth", "fifth")
FAULT_AFTER = 600
"""Attempts that have ended when the fault happens, of 3,500."""
PATIENCE = 60.0
"""Within the tests' limit for recovery there is some room to say what was wrong."""

SOURCE = f"""
id: {FLOW}
namespace: {NAMESPACE}
tasks:
  - {{id: first, type: {TYPE}, word: "{{{{ execution.id }}}}"}}
  - id: pair
    type: io.kestra.plugin.core.flow.Parallel
    tasks:
      - {{id: left, type: {TYPE}, word: "{{{{ outputs.first.word }}}} l"}}
      - {{id: right, type: {TYPE}, word: "{{{{ outputs.first.word }}}} r"}}
  - {{id: third, type: {TYPE}, word: "{{{{ outputs.left.word }}}} + {{{{ outputs.right.word }}}}"}}
  - {{id: fourth, type: {TYPE}, word: "{{{{ outputs.third.word }}}} 4"}}
  - id: fifth
    type: {TYPE}
    word: "{{{{ outputs.fourth.word }}}} 5"
    failsFirst: true
    retry: {{type: constant, interval: PT0.5S, maxAttempts: 3}}
outputs:
  - {{id: word, type: STRING, value: "{{{{ outputs.fifth.word }}}}"}}
"""


@dataclass
class Outcome:
    """What a run under fault came to. `problems` is empty when all promises were kept."""

    executions: int = 0
    attempts: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    """Attempts marked RESUBMITTED by the id of their worker."""
    began: float = 0.0
    fault: float = 0.0
    fault_over: float = 0.0
    last_end: float = 0.0
    problems: list[str] = field(default_factory=list)

    @property
    def recovery(self) -> float:
        """Seconds from the end of the fault until the last execution had ended."""
        return self.last_end - self.fault_over

    def line(self, name: str) -> str:
        """The report of one test."""
        return (
            f"{name}: {self.executions} executions in {self.last_end - self.began:.1f} s, fault after "
            f"{self.fault - self.began:.1f} s lasting {self.fault_over - self.fault:.1f} s, all ended "
            f"{self.recovery:.1f} s after it; {self.attempts} attempts, {self.lost.total()} of them lost; "
            f"{len(self.problems)} problems"
        )


class Witnesses:
    """What the tasks themselves wrote down, from now on."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._begin = file.stat().st_size if file.exists() else 0

    def ends(self) -> int:
        """How many attempts have ended so far."""
        return self._read().count(b'"event": "end"')

    def counts(self) -> Counter[tuple[str, str, int]]:
        """How often each (event, task run, attempt) happened."""
        entries = (json.loads(line) for line in self._read().splitlines())
        return Counter((entry["event"], entry["task_run_id"], entry["attempt"]) for entry in entries)

    def _read(self) -> bytes:
        if not self._file.exists():
            return b""
        with self._file.open("rb") as file:
            file.seek(self._begin)
            return file.read()


async def run_under(
    fault: Callable[[], Awaitable[None]], url: Callable[[], str], witness: Path, database_url: str
) -> Outcome:
    """Start the load, let `fault` happen when a fifth of it is done, wait for the end, and check everything."""
    outcome = Outcome(began=time.time())
    witnesses = Witnesses(witness)
    async with RestClient(url(), concurrency=16) as client:
        await client.deploy(SOURCE)
        ids = await client.start_many(NAMESPACE, FLOW, COUNT)
    await _until(lambda: witnesses.ends() >= FAULT_AFTER)
    outcome.fault = time.time()
    await fault()
    outcome.fault_over = time.time()
    async with RestClient(url(), concurrency=16) as client:
        await _all_ended(client, ids)
        await Check(outcome, witnesses.counts()).run(client, ids)
    outcome.problems += await asyncio.to_thread(leftovers, database_url, ids)
    return outcome


async def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "the load does not run"
        await asyncio.sleep(0.05)


async def _all_ended(client: RestClient, ids: Sequence[str]) -> None:
    """Wait until all have ended, or patience has; the check tells which have not."""
    deadline = time.monotonic() + PATIENCE
    open_ids = set(ids)
    while open_ids and time.monotonic() < deadline:
        await asyncio.sleep(0.5)
        query = [("namespace", NAMESPACE), ("flowId", FLOW), ("size", "500"), *(("state", state) for state in ENDED)]
        try:
            found = await client.json("GET", "/executions/search", params=query)
        except (httpx.TransportError, AssertionError):
            continue
        open_ids -= {execution["id"] for execution in found["results"]}


class Check:
    """Compares what the server says with what it should, and with what the tasks wrote down."""

    def __init__(self, outcome: Outcome, witnessed: Counter[tuple[str, str, int]]) -> None:
        self._outcome = outcome
        self._witnessed = witnessed
        self._known: set[tuple[str, int]] = set()

    async def run(self, client: RestClient, ids: Iterable[str]) -> None:
        """Check each execution, then that nothing ran that no execution knows of."""
        await asyncio.gather(*(self._execution(client, each) for each in ids))
        for event, run_id, attempt in self._witnessed:
            self._expect((run_id, attempt) in self._known, f"{event} of {run_id} attempt {attempt} is in no execution")

    async def _execution(self, client: RestClient, execution_id: str) -> None:
        execution = await client.get(execution_id)
        said = Counter(line["message"] for line in await client.logs(execution_id))
        outcome = self._outcome
        outcome.executions += 1
        ends_at = execution["state"].get("endDate")
        if not self._expect(ends_at is not None, f"{execution_id} has not ended: {summary(execution)}"):
            return
        outcome.last_end = max(outcome.last_end, datetime.fromisoformat(ends_at).astimezone(UTC).timestamp())
        states = histories(execution["state"])
        straight, retried = ["CREATED", "RUNNING", "SUCCESS"], ["CREATED", "RUNNING", "RETRYING", "RUNNING", "SUCCESS"]
        self._expect(states in (straight, retried), f"{execution_id}: {states} {summary(execution)}")
        word = f"{execution_id} l + {execution_id} r 4 5"
        self._expect(execution.get("outputs") == {"word": word}, f"{execution_id}: outputs {execution.get('outputs')}")
        runs = execution["taskRunList"]
        tasks = sorted(run["taskId"] for run in runs)
        self._expect(tasks == sorted([*STEPS, "pair"]), f"{execution_id}: task runs {tasks}")
        twice = [message for message, count in said.items() if count > 1 and message.startswith(("begin ", "end "))]
        self._expect(not twice, f"{execution_id} said {twice} more than once")
        for run in runs:
            if run["taskId"] != "pair":
                self._task_run(run, said)

    def _task_run(self, run: Json, said: Counter[str]) -> None:
        run_id, attempts = run["id"], run.get("attempts") or []
        states = [attempt["state"]["current"] for attempt in attempts]
        self._outcome.attempts += len(attempts)
        self._outcome.lost.update(
            each.get("workerId") for each in attempts if each["state"]["current"] == "RESUBMITTED"
        )
        path = histories(run["state"])
        self._expect(path.count("SUCCESS") == 1 and path[-1] == "SUCCESS", f"{run_id}: history {path}")
        self._expect(path[0] == "CREATED", f"{run_id}: history {path}")
        last = len(attempts) - 1
        first = ["FAILED"] if run["taskId"] == "fifth" and states[:1] == ["FAILED"] else []
        lost = ["RESUBMITTED"] * (last - len(first))
        self._expect(states == [*first, *lost, "SUCCESS"], f"{run_id}: attempts {states}")
        for number in range(len(attempts)):
            self._known.add((run_id, number))
            begun = self._witnessed["begin", run_id, number]
            self._expect(begun <= 1, f"{run_id} attempt {number} began {begun} times")
        for event in ("begin", "end"):
            happened, message = self._witnessed[event, run_id, last], f"{event} {run_id} {last}"
            self._expect(happened == 1, f"{event} of {run_id} attempt {last} happened {happened} times")
            self._expect(said[message] == 1, f"the log has {said[message]} lines '{message}'")

    def _expect(self, holds: bool, problem: str) -> bool:
        if not holds:
            self._outcome.problems.append(problem)
        return holds


def leftovers(database_url: str, ids: Sequence[str]) -> list[str]:
    """What should not lie in the database any more once everything has ended."""
    engine = sqlalchemy.create_engine(database_url.replace("postgresql://", "postgresql+psycopg://"))
    try:
        with engine.connect() as connection:
            counts: dict[str, Any] = {
                table: connection.scalar(sqlalchemy.text(f"SELECT count(*) FROM {table}"))
                for table in ("inbox", "jobs", "timers", "dead_letters")
            }
    finally:
        engine.dispose()
    return [f"{count} rows are left in {table}" for table, count in counts.items() if count]
