"""A script in a warm interpreter cannot be told from one that started its own, but by the time it takes (ADR 0063)."""

import asyncio
import contextlib
import logging
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import psutil
import pytest

from segue.plugins.core.runner import Process
from segue.plugins.scripts.python.forked import start_script
from segue.plugins.scripts.python.interpreters import interpreter_on_path
from segue.plugins.scripts.python.warm import WarmInterpreters, WarmScript
from segue.sdk import RunContext, RunnerCommand, Stream

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="templates need Linux")

# What a shell, or the process runner, puts there for each process.
OF_THE_PROCESS = {"_", "SHLVL", "SEGUE_PROCESS_MARK"}


class Log(logging.LoggerAdapter[logging.Logger]):
    """A log that has room."""

    async def wait_for_room(self) -> None:
        pass


class Context:
    """As much of a run as the process runner needs."""

    logger = Log(logging.getLogger("tests.warm"))


@pytest.fixture
async def interpreters() -> AsyncIterator[WarmInterpreters]:
    warm = WarmInterpreters()
    yield warm
    await warm.close()


class Script:
    """A script in a folder of its own, to be run in both ways."""

    def __init__(self, folder: Path, text: str, **env: str) -> None:
        self.folder = folder
        self.path = folder / "4f2a.py"
        self.path.write_text(text)
        self.env = {"PYTHONUNBUFFERED": "true", "PYTHONPATH": "", **env}
        self.lines: list[tuple[Stream, str]] = []

    async def run(self, interpreters: WarmInterpreters | None) -> tuple[int, list[str], list[str]]:
        """Exit code, lines of the output, lines of the error output."""
        self.lines = []
        python = (await interpreter_on_path({**os.environ, **self.env})).executable
        start = None
        if interpreters is not None:
            start = start_script(interpreters, python, str(self.path))
            assert await interpreters.ready(python, self.whole_env())
        command = RunnerCommand(
            arguments=("/bin/sh", "-c", f"set -e\n{python} {self.path}"),
            working_dir=self.folder,
            on_line=lambda stream, line, at: self.lines.append((stream, line)),
            env=self.env,
            start=start,
        )
        result = await Process().run(cast("RunContext", Context()), command)
        streams = [[line for stream, line in self.lines if stream is one] for one in Stream]
        return result.exit_code, *streams

    def whole_env(self) -> dict[str, str]:
        return {**os.environ, **self.env}


SCRIPTS = {
    "hello": "print('hello')",
    "empty": "",
    "unicode": "print('Grüße 🎉')\nimport sys\nprint('fehler ä', file=sys.stderr)",
    "no line end": "import sys; sys.stdout.write('no end')",
    "who am I": "print(__name__, __doc__, __package__, __spec__, __file__, sorted(globals()), __builtins__)",
    "doc": '"""What I am."""\nprint(__doc__)',
    "annotations": "x: int = 1\nimport sys; print(sys.modules['__main__'].__annotations__)",
    "loader": "print(__loader__.name, __loader__.path, __loader__.get_source('__main__'))",
    "arguments": "import sys; print(sys.argv, sys.orig_argv[1:], sys.executable, sys.prefix, sys.base_prefix)",
    "path": "import sys; print(sys.path, sys.flags, sys.warnoptions, sys.dont_write_bytecode)",
    "environment": f"import os; print(sorted((k, v) for k, v in os.environ.items() if k not in {OF_THE_PROCESS}))",
    "environment of children": "import subprocess; print(subprocess.check_output(['printenv', 'MINE', 'PWD']))",
    "folder": "import os; print(os.getcwd(), os.listdir('.'))",
    "umask": "import os; print(os.umask(0))",
    "limits": "import resource as r; print([r.getrlimit(x) for x in (r.RLIMIT_NOFILE, r.RLIMIT_AS, r.RLIMIT_CORE)])",
    "streams": "import sys; print([(s.encoding, s.errors, s.isatty(), s.line_buffering, s.write_through, s.fileno(),"
    " s.seekable(), s.name, s.mode) for s in (sys.stdin, sys.stdout, sys.stderr)])",
    "standard input": "import sys, os; print(repr(sys.stdin.read()), os.readlink('/proc/self/fd/0'))\ninput()",
    "descriptors": "import os; print(sorted(int(fd) for fd in os.listdir('/proc/self/fd')))",
    "signals": "import signal as s; print({n: str(s.getsignal(n)).split(' at ')[0] for n in sorted(s.valid_signals())})\n"
    "print(s.pthread_sigmask(s.SIG_BLOCK, []), s.set_wakeup_fd(-1))",
    "threads": "import threading as t; print(t.current_thread() is t.main_thread(), t.active_count(), t.enumerate()[0].name)",
    "error": "def f(x):\n    return 1 / x\n\nf(0)",
    "chained": "try:\n    {}['a']\nexcept KeyError as e:\n    raise ValueError('b') from e",
    "context": "try:\n    {}['a']\nexcept KeyError:\n    undefined",
    "group": "raise ExceptionGroup('many', [ValueError(1), TypeError(2)])",
    "syntax": "print('never')\ndef f(:\n    pass",
    "indentation": "if True:\nprint(1)",
    "null byte": "print(1)\n\0",
    "coding": "# -*- coding: latin-1 -*-\nprint('ok')",
    "future": "from __future__ import annotations\ndef f(x: nothing): pass\nprint(f.__annotations__)",
    "no future": "def f(x: nothing): pass",
    "exit 0": "import sys; sys.exit(0)",
    "exit 3": "import sys; sys.exit(3)",
    "exit none": "import sys; sys.exit()",
    "exit text": "raise SystemExit('because')",
    "exit 300": "import sys; sys.exit(300)",
    "exit in thread": "import threading, sys\nthreading.Thread(target=sys.exit, args=(5,)).start()",
    "_exit": "import os; os._exit(7)",
    "interrupt": "raise KeyboardInterrupt",
    "hook": "import sys\nsys.excepthook = lambda *a: print('mine', a[1])\n1 / 0",
    "at exit": "import atexit\natexit.register(print, 'bye')\nprint('hi')",
    "at exit after error": "import atexit\natexit.register(print, 'bye')\n1 / 0",
    "thread goes on": "import threading, time\nthreading.Thread(target=lambda: (time.sleep(.1), print('late'))).start()",
    "thread fails": "import threading\nt = threading.Thread(target=lambda: 1 / 0, name='mine'); t.start(); t.join()",
    "file without close": "f = open('out.txt', 'w'); f.write('kept')\nimport os\n"
    "class At:\n    def __del__(self): print('deleted')\nx = At()",
    "cycle": "import gc\nclass At:\n    def __del__(self): print('deleted')\nx = At(); x.me = x\ndel x",
    "print to closed": "import os; os.close(1); print('x')",
    "modules": "import json, random, logging, asyncio, multiprocessing\nasync def f(): return 1\nprint(asyncio.run(f()))",
    "logging": "import logging\nlogging.basicConfig(level='INFO')\nlogging.info('hi')\nlogging.getLogger('a').error('no')",
    "warning": "import warnings\nwarnings.warn('careful', DeprecationWarning)\nwarnings.warn('really')",
    "fork": "import os\npid = os.fork()\nif pid == 0:\n    print('child', flush=True)\nelse:\n    os.waitpid(pid, 0)\n    print('parent')",
    "multiprocessing fork": "import multiprocessing as m\ndef f(x): return x * 2\n"
    "if __name__ == '__main__':\n    with m.get_context('fork').Pool(2) as p: print(p.map(f, [1, 2, 3]))",
    "multiprocessing spawn": "import multiprocessing as m\ndef f(x): return x * 2\n"
    "if __name__ == '__main__':\n    with m.get_context('spawn').Pool(1) as p: print(p.map(f, [1, 2, 3]))",
    "pool of processes": "from concurrent.futures import ProcessPoolExecutor as P\n"
    "if __name__ == '__main__':\n    with P(1) as p: print(p.submit(pow, 2, 5).result())",
    "pickle": "import pickle\nclass A: pass\nprint(type(pickle.loads(pickle.dumps(A()))).__module__)",
    "source": "import inspect\ndef f():\n    return 1\nprint(inspect.getsource(f), inspect.getfile(f))",
    "time zone": "import time; print(time.tzname, time.localtime(0)[:5])",
    "exec": "import os, sys; os.execv(sys.executable, [sys.executable, '-c', 'print(1)'])",
    "session": "import os; print(os.getsid(0) == os.getpgid(0))",
    "terminated": "import os, signal, time; os.kill(os.getpid(), signal.SIGTERM); time.sleep(9)",
    "killed": "import os; print('x', flush=True); os.kill(os.getpid(), 9)",
    "many lines": "for n in range(3000): print(n)",
    "a long line": "print('x' * 200_000)",
    "recursion": "def f(): f()\ntry:\n    f()\nexcept RecursionError as e: print(e)",
    "module beside": "import beside; print(beside.NAME)",
    "module of a name that is preloaded": "import queue; print(queue.NAME)",
    "helper": "from kestra import Kestra\nKestra.outputs({'a': 1})",
}


@pytest.mark.parametrize("name", SCRIPTS)
async def test_both_ways_give_the_same(tmp_path: Path, interpreters: WarmInterpreters, name: str) -> None:
    from segue.plugins.scripts.python.home import STAND_IN

    (tmp_path / "beside.py").write_text("NAME = 'beside'")
    if name == "module of a name that is preloaded":
        (tmp_path / "queue.py").write_text("NAME = 'mine'")
    env = {"MINE": "1", "TZ": "America/New_York", "PYTHONPATH": str(STAND_IN), "PYTHONDONTWRITEBYTECODE": "1"}
    script = Script(tmp_path, SCRIPTS[name], **env)
    ordinary = await script.run(None)
    code, out, err = await script.run(interpreters)
    is_warm = name != "module of a name that is preloaded"
    assert sum(template.served for template in interpreters.templates) == is_warm
    if name == "killed":  # the shell has its say
        ordinary = (ordinary[0], ordinary[1], [line for line in ordinary[2] if line != "Killed"])
    if name == "terminated":
        ordinary = (ordinary[0], ordinary[1], [line for line in ordinary[2] if line != "Terminated"])
    assert (code, out, plain(err)) == (ordinary[0], ordinary[1], plain(ordinary[2]))
    if name == "file without close":
        assert (tmp_path / "out.txt").read_text() == "kept"


def plain(lines: list[str]) -> list[str]:
    return [re.sub(r"0x[0-9a-f]+|Thread-\d+", "...", line) for line in lines]


async def fork(interpreters: WarmInterpreters, script: Script) -> int | None:
    """The process of a script of which nobody reads the output; None when it was not forked."""
    python = (await interpreter_on_path(os.environ)).executable
    sink = os.open(os.devnull, os.O_WRONLY)
    try:
        child = await interpreters.fork(
            WarmScript(python, (str(script.path),), script.folder, script.whole_env()), sink, sink
        )
    finally:
        os.close(sink)
    return None if child is None else child.started.result()


async def until(condition: object) -> None:
    assert callable(condition)
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  processes tell nobody
            await asyncio.sleep(0.01)


def is_gone(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    return True


async def warmed(interpreters: WarmInterpreters, script: Script) -> None:
    assert await interpreters.ready((await interpreter_on_path(os.environ)).executable, script.whole_env())


async def test_the_first_run_does_not_wait_for_a_template(tmp_path: Path, interpreters: WarmInterpreters) -> None:
    script = Script(tmp_path, "print(1)")
    assert await fork(interpreters, script) is None
    await warmed(interpreters, script)
    assert await fork(interpreters, script) is not None


async def test_nothing_of_a_run_is_seen_by_the_next(tmp_path: Path, interpreters: WarmInterpreters) -> None:
    secret = "correct horse battery staple"
    first = Script(tmp_path, "import os, json; json.spoilt = os.environ.pop('KEY'); os.umask(0o77)", KEY=secret)
    assert (await first.run(interpreters))[0] == 0
    text = """if True:
        import gc, json, os, re
        maps = [line.split()[0].split("-") for line in open("/proc/self/maps") if " rw" in line]
        found = 0
        with open("/proc/self/mem", "rb", 0) as memory:
            for start, end in maps:
                try:
                    memory.seek(int(start, 16))
                    content = memory.read(int(end, 16) - int(start, 16))
                except (OSError, OverflowError):
                    continue
                found += len(re.findall(b"correct h[o]rse battery staple", content))
        print(hasattr(json, "spoilt"), "KEY" in os.environ, found)
    """
    second = Script(tmp_path, text)
    assert (await second.run(interpreters))[1] == ["False False 0"]
    template = Path(f"/proc/{interpreters.templates[0].pid}")
    assert secret.encode() not in (template / "environ").read_bytes()


async def test_a_script_reaches_no_socket(tmp_path: Path, interpreters: WarmInterpreters) -> None:
    text = "import os\nprint(sorted(os.readlink('/proc/self/fd/' + fd).split(':')[0] for fd in '012'))\nprint(os.path.exists('/proc/self/fd/4'))"
    assert (await Script(tmp_path, text).run(interpreters))[1] == ["['/dev/null', 'pipe', 'pipe']", "False"]


async def test_a_stopped_run_ends_with_all_it_has_started(tmp_path: Path, interpreters: WarmInterpreters) -> None:
    text = (
        "import subprocess, os, sys, time\n"
        "a = subprocess.Popen(['sleep', '60'])\n"
        "b = subprocess.Popen(['sleep', '60'], start_new_session=True)\n"
        "print(os.getpid(), a.pid, b.pid)\n"
        "time.sleep(60)"
    )
    script = Script(tmp_path, text)
    running = asyncio.create_task(script.run(interpreters))
    await until(lambda: script.lines)
    began = time.monotonic()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert time.monotonic() - began < 5
    for pid in map(int, script.lines[0][1].split()):
        await until(lambda pid=pid: is_gone(pid))
    assert (await Script(tmp_path, "print('next')").run(interpreters))[1] == ["next"]


async def test_what_a_run_leaves_in_its_group_is_ended(tmp_path: Path, interpreters: WarmInterpreters) -> None:
    text = "import subprocess\nprint(subprocess.Popen(['sleep', '60'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).pid)"
    code, out, _ = await Script(tmp_path, text).run(interpreters)
    assert code == 0
    await until(lambda: is_gone(int(out[0])))


async def test_a_template_that_dies_is_replaced_and_its_runs_end(
    tmp_path: Path, interpreters: WarmInterpreters
) -> None:
    script = Script(tmp_path, "import os, time; print(os.getpid()); time.sleep(60)")
    running = asyncio.create_task(script.run(interpreters))
    await until(lambda: script.lines)
    template = interpreters.templates[0]
    os.kill(template.pid, signal.SIGKILL)
    assert (await running)[0] == 137
    await until(lambda: is_gone(int(script.lines[0][1])))
    again = Script(tmp_path, "print('again')")
    assert (await again.run(interpreters))[1] == ["again"]
    assert interpreters.templates[0] is not template


async def test_the_end_of_the_worker_ends_templates_and_runs(tmp_path: Path) -> None:
    script = Script(tmp_path, "import time; time.sleep(60)")
    interpreters = WarmInterpreters()
    await warmed(interpreters, script)
    pid = await fork(interpreters, script)
    template = interpreters.templates[0]
    template._control.shutdown(2)  # as the kernel does when the process is gone
    assert pid is not None
    await until(lambda: is_gone(template.pid) and is_gone(pid))
    await interpreters.close()


async def test_idle_templates_end(tmp_path: Path) -> None:
    interpreters = WarmInterpreters(idle_for=0.05)
    script = Script(tmp_path, "import time; time.sleep(0.2); print('done')")
    assert (await script.run(interpreters))[1] == ["done"]  # not ended while something runs
    template = interpreters.templates[0]
    await until(lambda: is_gone(template.pid))
    assert (await script.run(interpreters))[1] == ["done"]
    await interpreters.close()


async def test_there_are_no_more_templates_than_allowed(tmp_path: Path) -> None:
    interpreters = WarmInterpreters(most=2)
    scripts = [Script(tmp_path, "print(1)", PYTHONHASHSEED=str(seed)) for seed in range(3)]
    for script in scripts:
        await warmed(interpreters, script)
    assert len(interpreters.templates) == 2
    first, second = interpreters.templates
    await warmed(interpreters, scripts[1])
    assert interpreters.templates == [second, first]
    await interpreters.close()
    await until(lambda: is_gone(first.pid) and is_gone(second.pid))


async def test_without_room_for_a_template_scripts_start_in_the_ordinary_way(tmp_path: Path) -> None:
    interpreters = WarmInterpreters(most=1)
    busy = Script(tmp_path, "import time; time.sleep(60)")
    await warmed(interpreters, busy)
    assert await fork(interpreters, busy)
    assert await fork(interpreters, Script(tmp_path, "print(1)", PYTHONHASHSEED="1")) is None
    await interpreters.close()


async def test_an_interpreter_that_does_not_work_is_not_tried_for_every_run(tmp_path: Path) -> None:
    count, python = tmp_path / "count", tmp_path / "python3"
    python.write_text(f"#!/bin/sh\necho x >> {count}\nexit 1\n")
    python.chmod(0o755)
    interpreters = WarmInterpreters()
    assert not await interpreters.ready(str(python), {})
    assert not await interpreters.ready(str(python), {})
    assert count.read_text() == "x\n"
    assert not await interpreters.ready(str(tmp_path / "missing"), {})
    await interpreters.close()


async def test_a_changed_folder_of_packages_is_noticed(tmp_path: Path, interpreters: WarmInterpreters) -> None:
    packages = tmp_path / "packages"
    packages.mkdir()
    script = Script(tmp_path, "import late; print(late.NAME)", PYTHONPATH=str(packages))
    assert (await script.run(interpreters))[0] == 1
    first = interpreters.templates[0]
    os.utime(packages, (1, 1))
    (packages / "late.py").write_text("NAME = 'late'")
    assert (await script.run(interpreters))[1] == ["late"]
    assert interpreters.templates[0] is not first


async def test_limits_are_set(tmp_path: Path) -> None:
    interpreters = WarmInterpreters(limits=[("RLIMIT_NOFILE", 64, 64)])
    text = "import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE))"
    assert (await Script(tmp_path, text).run(interpreters))[1] == ["(64, 64)"]
    await interpreters.close()


async def test_a_relative_path_of_modules_is_left_to_the_ordinary_way(
    tmp_path: Path, interpreters: WarmInterpreters
) -> None:
    script = Script(tmp_path, "print(1)", PYTHONPATH="lib")
    await warmed(interpreters, script)
    assert await fork(interpreters, script) is None
    assert (await script.run(interpreters))[1] == ["1"]


async def test_many_at_once(tmp_path: Path, interpreters: WarmInterpreters) -> None:
    scripts = []
    for number in range(20):
        folder = tmp_path / str(number)
        folder.mkdir()
        scripts.append(Script(folder, f"import os; print({number}, os.path.basename(os.getcwd()))"))
    await warmed(interpreters, scripts[0])
    found = await asyncio.gather(*(script.run(interpreters) for script in scripts))
    assert [out for _, out, _ in found] == [[f"{number} {number}"] for number in range(20)]
    assert interpreters.templates[0].running == 0
