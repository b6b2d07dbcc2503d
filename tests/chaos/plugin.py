"""The task of the chaos tests. It is installed into the servers under test as any foreign plugin is.

Each run writes down what really happened in a file of its own beside the system under test, which is what
the system's own account is compared with.
"""

import asyncio
import json
import os
import time
import zlib
from typing import ClassVar

from pydantic import BaseModel

from segue.sdk import Property, RunContext, Task, TaskFailed

JOURNAL = "CHAOS_JOURNAL"
"""The environment variable with the path of that file."""
TYPE = "tests.chaos.Step"


class Witness(BaseModel):
    """One line of the file: an attempt began or ended in a process."""

    event: str
    task_run_id: str
    attempt: int
    pid: int
    at: float


class Step(Task):
    """Logs a line, waits 5 to 200 ms, logs another one, and returns its word.

    With `failsFirst` the first attempt fails in the end, so that a timer and a retry are needed.
    """

    type: ClassVar[str] = TYPE

    word: Property[str]
    fails_first: bool = False

    async def run(self, context: RunContext) -> dict[str, str]:
        """One run, with its witness."""
        run = context.task_run
        word = await context.render(self.word)
        write(Witness(event="begin", task_run_id=run.id, attempt=run.attempt, pid=os.getpid(), at=time.time()))
        context.logger.info("begin %s %d", run.id, run.attempt)
        await asyncio.sleep(pause(run.id))
        context.logger.info("end %s %d", run.id, run.attempt)
        write(Witness(event="end", task_run_id=run.id, attempt=run.attempt, pid=os.getpid(), at=time.time()))
        if self.fails_first and run.attempt == 0:
            raise TaskFailed("as it should")
        return {"word": word or ""}


def pause(task_run_id: str) -> float:
    """5 to 200 ms, the same for every attempt of a task run."""
    return 0.005 + zlib.crc32(task_run_id.encode()) % 1000 / 1000 * 0.195


def write(witness: Witness) -> None:
    """Append one line; short appends of several processes do not mix."""
    line = json.dumps(witness.model_dump()).encode() + b"\n"
    file = os.open(os.environ[JOURNAL], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, line)
    finally:
        os.close(file)
