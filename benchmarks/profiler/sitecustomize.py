"""A sampling profiler for server processes, loaded by ``site`` when its folder is on PYTHONPATH.

The processes of a server need no code for it, and the worker that the server starts inherits it. SIGUSR1 begins,
SIGUSR2 ends and writes ``SEGUE_BENCHMARK_PROFILE/<role>-<pid>.json``. Every 2 ms of CPU time of the process the
stacks are looked at, and each thread's stack is charged with the CPU time that thread has used since the last
look. The main thread is seen at the instruction it is about to run; a thread that calls into C without the
interpreter's lock (a database driver) is seen at that call. CPU time of threads that never ran Python (gRPC) is
known only as the rest. Unlike a tracing profiler it does not make small functions look expensive.
"""

import json
import os
import signal
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from types import FrameType

INTERVAL = 0.002
DEEPEST = 150


class Sampler:
    """Samples of one process."""

    def __init__(self, folder: str, role: str) -> None:
        self._folder = Path(folder)
        self._role = role
        self._reset()

    def _reset(self) -> None:
        self._own: defaultdict[tuple[str, str, int], float] = defaultdict(float)
        self._inclusive: defaultdict[tuple[str, str, int], float] = defaultdict(float)
        self._lines: defaultdict[tuple[str, str, int, int], float] = defaultdict(float)
        self._threads: defaultdict[str, float] = defaultdict(float)
        self._samples = 0
        self._clocks: dict[int, float] = {}
        self._wall = time.monotonic()
        self._cpu = time.process_time()

    def begin(self, _number: int, _frame: FrameType | None) -> None:
        """Forget what was, and sample from now on."""
        self._reset()
        for ident in sys._current_frames():
            self._clocks[ident] = _cpu_of(ident)
        signal.setitimer(signal.ITIMER_PROF, INTERVAL, INTERVAL)

    def sample(self, _number: int, frame: FrameType | None) -> None:
        """Charge every thread's stack with what it has used."""
        self._samples += 1
        main = threading.main_thread().ident
        for ident, stack in sys._current_frames().items():
            now = _cpu_of(ident)
            used = now - self._clocks.get(ident, now)
            self._clocks[ident] = now
            if used > 0:
                self._charge(frame if ident == main else stack, used)
                self._threads["main" if ident == main else "others"] += used

    def _charge(self, frame: FrameType | None, used: float) -> None:
        if frame is None:
            return
        code = frame.f_code
        self._own[code.co_filename, code.co_qualname, code.co_firstlineno] += used
        self._lines[code.co_filename, code.co_qualname, code.co_firstlineno, frame.f_lineno or 0] += used
        seen = set()
        for _ in range(DEEPEST):
            if frame is None:
                return
            code = frame.f_code
            if code not in seen:
                seen.add(code)
                self._inclusive[code.co_filename, code.co_qualname, code.co_firstlineno] += used
            frame = frame.f_back

    def end(self, _number: int, _frame: FrameType | None) -> None:
        """Stop and write the file."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        report = {
            "role": self._role,
            "pid": os.getpid(),
            "wall_seconds": time.monotonic() - self._wall,
            "cpu_seconds": time.process_time() - self._cpu,
            "samples": self._samples,
            "threads": self._threads,
            "own": [[*key, value] for key, value in self._own.items()],
            "inclusive": [[*key, value] for key, value in self._inclusive.items()],
            "lines": [[*key, value] for key, value in self._lines.items()],
        }
        path = self._folder / f"{self._role}-{os.getpid()}.json"
        part = path.with_suffix(".part")
        part.write_text(json.dumps(report))
        part.rename(path)


def _cpu_of(ident: int) -> float:
    try:
        return time.clock_gettime(time.pthread_getcpuclockid(ident))
    except OSError:
        return 0.0


def _role() -> str | None:
    arguments = sys.orig_argv
    return arguments[arguments.index("server") + 1] if "server" in arguments[:-1] else None


def _install() -> None:
    folder, role = os.environ.get("SEGUE_BENCHMARK_PROFILE"), _role()
    if not folder or role is None:
        return
    sampler = Sampler(folder, role)
    signal.signal(signal.SIGPROF, sampler.sample)
    signal.signal(signal.SIGUSR1, sampler.begin)
    signal.signal(signal.SIGUSR2, sampler.end)


_install()
