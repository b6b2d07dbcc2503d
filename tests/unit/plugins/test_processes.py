"""Processes of commands: their ends, and what happens to them when their worker goes."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from segue.plugins.core.processes import Spawned
from segue.plugins.core.runner import inherited
from segue.plugins.core.watchdog import own_mark
from segue.sdk import TaskFailed

WORKER = """
import asyncio, sys
from pathlib import Path
from segue.plugins.core.processes import Spawned

async def main():
    text = "setsid sleep 300 & echo $! > {0}/stray; echo $$ > {0}/new; mv {0}/new {0}/main; sleep 300"
    program = Spawned.start(["/bin/sh", "-c", text.format(sys.argv[1])], Path("/"), {"PATH": "/usr/bin:/bin"})
    if sys.argv[2] == "stay":
        await program.exited()
    while not Path(sys.argv[1], "main").exists():
        await asyncio.sleep(0.02)
    program.finish()
    program.stdout.close()
    program.stderr.close()

asyncio.run(main())
"""


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def start(folder: Path, how: str) -> tuple[subprocess.Popen[bytes], dict[str, int]]:
    worker = subprocess.Popen([sys.executable, "-c", WORKER, str(folder), how])
    until((folder / "main").exists)
    return worker, {name: int((folder / name).read_text()) for name in ("main", "stray")}


def test_commands_of_a_killed_worker_are_ended(tmp_path: Path) -> None:
    worker, pids = start(tmp_path, "stay")
    assert all(map(is_alive, pids.values()))
    worker.kill()
    worker.wait()
    until(lambda: not any(map(is_alive, pids.values())))


def test_a_worker_that_ends_leaves_what_has_a_session_of_its_own(tmp_path: Path) -> None:
    worker, pids = start(tmp_path, "go")
    assert worker.wait(20) == 0
    assert not is_alive(pids["main"])
    time.sleep(0.5)
    assert is_alive(pids["stray"])
    os.kill(pids["stray"], signal.SIGKILL)


async def test_a_program_has_time_to_end_and_its_children_too(tmp_path: Path) -> None:
    text = f"(trap 'sleep 0.3; echo > {tmp_path}/child; exit' TERM; touch {tmp_path}/up; while :; do sleep 0.05; done)"
    program = Spawned.start(["/bin/sh", "-c", f"{text} & wait"], tmp_path, dict(os.environ))
    async with asyncio.timeout(10):
        while not (tmp_path / "up").exists():  # noqa: ASYNC110  a process tells nobody
            await asyncio.sleep(0.01)
    await program.stop(5)
    assert (tmp_path / "child").exists()
    assert program.finish() == 128 + signal.SIGTERM
    program.stdout.close()
    program.stderr.close()


@pytest.mark.parametrize(
    ("arguments", "env", "reason"),
    [
        (["/no/such"], {}, "The program '/no/such' cannot be started: No such file or directory"),
        (["/etc"], {}, "The program '/etc' cannot be started: Permission denied"),
        ([], {}, "The program '' cannot be started: "),
        (["/bin/true", "a\0b"], {}, "The program '/bin/true' cannot be started: embedded null byte"),
        (["/bin/true"], {"a": "b\0c"}, "The program '/bin/true' cannot be started: embedded null byte"),
        (["/bin/true", "x" * 200_000], {}, "The program '/bin/true' cannot be started: Argument list too long"),
    ],
)
def test_what_cannot_be_started(arguments: list[str], env: dict[str, str], reason: str) -> None:
    with pytest.raises(TaskFailed) as failed:
        Spawned.start(arguments, Path("/"), env)
    assert failed.value.message.startswith(reason)


def test_variables_of_the_server_are_not_inherited() -> None:
    given = {"PATH": "p", "SEGUE_X": "1", "kestra_y": "2", "SECRET_Z": "3", "MICRONAUT_A": "4", "MY_SECRET": "5"}
    assert inherited(given) == {"PATH": "p", "MY_SECRET": "5"}


def test_a_worker_has_one_mark() -> None:
    assert own_mark() == own_mark()
