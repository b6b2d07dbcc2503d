"""Triggers for tests: a folder says what they find, and holds what they did."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, ClassVar

from segue.sdk import PollingTrigger, PollResult, Property, RealtimeTrigger, TriggerContext


def note(folder: Path, what: str) -> None:
    with (folder / "notes").open("a") as file:
        file.write(f"{what}\n")


class Watch(PollingTrigger):
    """Finds what the file `found` of a folder says, once; an error when it holds `error`."""

    type: ClassVar[str] = "tests.watching.Watch"
    folder: Property[str]

    async def poll(self, context: TriggerContext) -> PollResult:
        folder = Path(await context.render(self.folder) or "")
        note(folder, f"poll {context.trigger.id} {os.getpid()}")
        found = folder / "found"
        if not found.exists():
            return None
        answer: Any = json.loads(found.read_text())
        if answer == "hang":
            await asyncio.sleep(600)
        if answer == "error":
            raise ValueError("the folder is broken")
        found.unlink()
        if answer == "file":
            return {"uri": await context.files.write("found.txt", b"content")}
        return answer  # type: ignore[no-any-return]  # what the test wrote


class BlockingWatch(PollingTrigger):
    """As `Watch`, in a thread."""

    type: ClassVar[str] = "tests.watching.BlockingWatch"
    folder: Property[str]

    def poll(self, context: TriggerContext) -> PollResult:
        folder = Path(context.render_blocking(self.folder) or "")
        note(folder, f"poll {os.getpid()}")
        found = folder / "found"
        if not found.exists():
            return None
        answer: Any = json.loads(found.read_text())
        found.unlink()
        return answer  # type: ignore[no-any-return]  # what the test wrote


class Numbers(RealtimeTrigger):
    """Gives the numbers below `count`, and waits; the next life of it goes on where what was stored ends."""

    type: ClassVar[str] = "tests.watching.Numbers"
    folder: Property[str]
    count: int = 3
    batch: int = 100

    async def stream(self, context: TriggerContext) -> AsyncIterator[dict[str, Any]]:
        folder = Path(await context.render(self.folder) or "")
        note(folder, f"begin {os.getpid()} {time.time()}")
        if (folder / "broken").exists():
            raise ValueError("the source is away")
        stored = folder / "stored"
        begin = int(stored.read_text()) if stored.exists() else 0
        try:
            for number in range(begin, self.count):
                yield {"number": number}
                if number % self.batch == self.batch - 1:
                    await context.stored()
                    stored.write_text(str(number + 1))
            await context.stored()
            stored.write_text(str(self.count))
            await asyncio.sleep(600)
        finally:
            note(folder, f"end {os.getpid()}")
