"""A template process: a Python that has started already and becomes a script's process by ``fork``.

This file is a program. It is run by the interpreter of the scripts, any Python from 3.8 on, in the way that
``python script.py`` is run, and imports nothing but the standard library. Its only argument is the number of the
descriptor of its control socket.

When it is ready it sends its length (``LENGTH``) and a JSON object: ``names`` of the modules it has loaded ahead, and
the ``folders`` that decide what a Python finds when it starts. Then the socket carries frames of one size (``FRAME``):
a kind, the id of a run and a number. To the template come ``r`` (run, with three descriptors: the request, standard
output and standard error) and ``d`` (done: end what is left of the run and forget it). From it come ``p`` (the process
of a run), ``e`` (its exit code, negative for a signal) and ``f`` (it could not be forked: an errno). A process that has
ended keeps its number until ``d``, so that its group cannot be mistaken for another. The end of the socket ends the
template and every process it has forked.

What a run gets (environment, path of the script) is read from the first descriptor by the forked process alone: a
template never has in memory what a later run must not see. Control socket and other descriptors are closed before
the first line of a script runs.
"""

from __future__ import annotations

import sys

if __name__ == "__main__" and not getattr(sys.flags, "safe_path", False):
    del sys.path[0]  # the folder of this file
_own = frozenset(sys.modules)

import array  # noqa: E402  the path comes first
import atexit  # noqa: E402
import builtins  # noqa: E402
import errno  # noqa: E402
import gc  # noqa: E402
import importlib  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import select  # noqa: E402
import signal  # noqa: E402
import socket  # noqa: E402
import struct  # noqa: E402
import time  # noqa: E402
import types  # noqa: E402
from importlib.machinery import SourceFileLoader  # noqa: E402

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

FRAME = struct.Struct("!cQi")
LENGTH = struct.Struct("!I")
RUN, DONE, PROCESS, ENDED, REFUSED = b"r", b"d", b"p", b"e", b"f"
# Common, and without state of their own that a run could tell (``multiprocessing`` makes a key when it is imported).
AHEAD = (
    *("argparse", "asyncio", "base64", "collections", "contextlib", "copy", "csv", "dataclasses", "datetime"),
    *("decimal", "enum", "functools", "glob", "hashlib", "hmac", "html", "http.client", "io", "itertools", "json"),
    *("logging", "math", "operator", "os", "pathlib", "pprint", "queue", "random", "re", "secrets", "shutil"),
    *("socket", "statistics", "string", "subprocess", "tempfile", "textwrap", "threading", "time", "traceback"),
    *("types", "typing", "urllib.parse", "urllib.request", "uuid", "zoneinfo"),
)
_DESCRIPTORS = 3


def main(control: socket.socket) -> dict[str, Any]:
    """Serve runs. Returns in a forked process only, with its request."""
    for name in AHEAD:
        try:
            importlib.import_module(name)
        except ImportError:
            pass
    ahead = [(name, module) for name, module in sys.modules.items() if name not in _own]
    names = {name.partition(".")[0] for name, _ in ahead} - set(sys.builtin_module_names)
    hello = json.dumps({"names": sorted(names), "folders": _folders()}).encode()
    control.sendall(LENGTH.pack(len(hello)) + hello)
    _leave_in_memory(ahead)
    return _serve(control)


def _folders() -> list[str]:
    """Folders a new module, or a file that extends the path, may come to."""
    found = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    site = sys.modules.get("site")
    if site is not None:
        found += site.getsitepackages()
        if site.ENABLE_USER_SITE:
            found.append(site.getusersitepackages())
    return found


def _leave_in_memory(ahead: list[tuple[str, types.ModuleType]]) -> None:
    """Spare the forked processes the freeing of modules they did not ask for, which takes longer than a short script.

    What is not in ``sys.modules`` at the end is not cleared, and a frozen cycle is not collected. The handler is the
    first one that is registered, so it runs after all others.
    """
    kept: list[Any] = [module for _, module in ahead]
    kept.append(kept)

    def forget() -> None:
        for name, module in ahead:
            if sys.modules.get(name) is module:
                del sys.modules[name]

    atexit.register(forget)
    gc.collect()
    gc.freeze()


def _serve(control: socket.socket) -> dict[str, Any]:
    woken, waker = os.pipe()
    for end in (woken, waker):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    poll = select.poll()
    poll.register(woken, select.POLLIN)
    poll.register(control, select.POLLIN)
    family = _Family(control)
    while True:
        ready = {descriptor for descriptor, _ in poll.poll()}
        if woken in ready:
            _drain(woken)
            family.look()
        if control.fileno() not in ready:
            continue
        frame, received = _receive(control)
        if frame is None:
            family.end()
        kind, run, _ = FRAME.unpack(frame)
        if kind == DONE:
            family.forget(run)
        elif family.fork(run) == 0:
            return _become(control, (woken, waker), received)
        for descriptor in received:
            os.close(descriptor)


class _Family:
    """The processes that were forked."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._running: dict[int, int] = {}
        self._ended: dict[int, int] = {}
        self._killed: set[int] = set()

    def fork(self, run: int) -> int | None:
        """Fork for a run: 0 in the new process."""
        try:
            pid = os.fork()
        except OSError as error:
            self._tell(REFUSED, run, error.errno or errno.EAGAIN)
            return None
        if pid:
            self._running[run] = pid
            self._tell(PROCESS, run, pid)
        return pid

    def look(self) -> None:
        """Tell of those that have ended, and let go of those that nobody asks for any more."""
        self._killed = {pid for pid in self._killed if os.waitpid(pid, os.WNOHANG)[0] == 0}
        for run, pid in list(self._running.items()):
            found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if found is not None:
                self._ended[run] = self._running.pop(run)
                self._tell(ENDED, run, found.si_status if found.si_code == os.CLD_EXITED else -found.si_status)

    def forget(self, run: int) -> None:
        """End what is left of the process group of a run, and let its number go."""
        ended, running = self._ended.pop(run, None), self._running.pop(run, None)
        if ended is not None:
            _kill(ended)
            os.waitpid(ended, 0)
        elif running is not None:
            _kill(running)
            self._killed.add(running)

    def end(self) -> NoReturn:
        """End everything, and this process."""
        for pid in [*self._running.values(), *self._ended.values()]:
            _kill(pid)
        os._exit(0)

    def _tell(self, kind: bytes, run: int, number: int) -> None:
        try:
            self._control.sendall(FRAME.pack(kind, run, number))
        except OSError:
            self.end()


def _receive(control: socket.socket) -> tuple[bytes | None, tuple[int, ...]]:
    """One frame and its descriptors; no frame when the other end is gone."""
    received = array.array("i")
    try:
        data, ancillary, _, _ = control.recvmsg(FRAME.size, socket.CMSG_SPACE(_DESCRIPTORS * received.itemsize))
    except ConnectionError:
        return None, ()
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            received.frombytes(content[: len(content) - len(content) % received.itemsize])
    while data and len(data) < FRAME.size:
        more = control.recv(FRAME.size - len(data))
        data = data + more if more else b""
    return data or None, tuple(received)


def _kill(pid: int) -> None:
    for kill in (os.killpg, os.kill):  # it may not have a group of its own yet
        try:
            kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
        except PermissionError:
            pass
        return


def _drain(descriptor: int) -> None:
    try:
        while os.read(descriptor, 4096):
            pass
    except BlockingIOError:
        pass


def _become(control: socket.socket, others: tuple[int, int], received: tuple[int, ...]) -> dict[str, Any]:
    """Turn this process, just forked, into that of a run: its own session, descriptors, environment and folder."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    control.close()
    for descriptor in others:
        os.close(descriptor)
    content, output, errors = received
    os.dup2(output, 1)
    os.dup2(errors, 2)
    os.close(output)
    os.close(errors)
    with open(content, "rb") as file:
        request: dict[str, Any] = json.loads(file.read())
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    for name, soft, hard in request["limits"]:
        _limit(name, soft, hard)
    os.chdir(request["cwd"])
    importlib.invalidate_caches()
    return request


def _limit(name: str, soft: int, hard: int) -> None:
    import resource

    resource.setrlimit(getattr(resource, name), (soft, hard))


def _namespace(arguments: list[str]) -> dict[str, Any]:
    """A new ``__main__`` as the interpreter makes it for a script."""
    path = arguments[0]
    sys.argv = list(arguments)
    if hasattr(sys, "orig_argv"):
        sys.orig_argv = [sys.executable, *arguments]
    if not getattr(sys.flags, "safe_path", False):
        sys.path.insert(0, os.path.dirname(path))
    module = types.ModuleType("__main__")
    names = module.__dict__
    names.update(__builtins__=builtins, __file__=path, __loader__=SourceFileLoader("__main__", path))
    if sys.version_info < (3, 15):
        names["__cached__"] = None
    if sys.version_info < (3, 14):
        names["__annotations__"] = {}
    sys.modules["__main__"] = module
    return names


def _source(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        reason = "[Errno %d] %s" % (error.errno or 0, error.strerror)
        sys.stderr.write("%s: can't open file %r: %s\n" % (sys.executable, path, reason))
        raise SystemExit(2) from None


def _show_without(frames: int) -> None:
    """Have the exception that ends this process shown without the outermost ``frames`` of its traceback."""
    shown = sys.excepthook

    def show(kind: type[BaseException], error: BaseException, trace: types.TracebackType | None) -> None:
        for _ in range(frames):
            trace = trace.tb_next if trace is not None else None
        shown(kind, error.with_traceback(trace), trace)

    sys.excepthook = show


if __name__ == "__main__":
    _request = main(socket.socket(fileno=int(sys.argv[1])))
    _path = _request["arguments"][0]
    _content = _source(_path)
    if b"\0" in _content:  # ``compile`` says something else about it
        os.execv(sys.executable, [sys.executable, *_request["arguments"]])  # noqa: S606  a Python of its own
    _globals = _namespace(_request["arguments"])
    del _request
    try:
        exec(compile(_content, _path, "exec", dont_inherit=True), _globals)  # noqa: S102  the script that is to run
    except SystemExit:
        raise
    except BaseException:
        _show_without(1)
        raise
    finally:
        del _globals  # so that what the script leaves behind is deleted in the end
