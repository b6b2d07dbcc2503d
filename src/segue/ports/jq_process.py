"""jq programs in a process of their own, which can be stopped and may not grow: what `Services.jq` is given.

One child serves a process. It starts with the first program, answers one program at a time, and is replaced after one
that took too long or too much memory. Programs and values travel as one line of JSON each.
"""

import atexit
import json
import selectors
import subprocess
import sys
import threading
from time import monotonic
from typing import Any

__all__ = ["JqProcess", "run_jq"]

_MEMORY = 512 * 1024**2
_LONGEST_ANSWER = 64 * 1024**2
_CHILD = """
import json, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]),) * 2)
import jq
for line in sys.stdin:
    try:
        program, text = json.loads(line)
        answer = {"values": list(jq.compile(program).input_text(text).all())}
        shown = json.dumps(answer)
    except MemoryError:
        sys.exit(3)
    except BaseException as error:
        shown = json.dumps({"error": str(error)[:300]})
    print(shown, flush=True)
"""


class JqProcess:
    """The child and its pipes; calls of several threads wait for each other."""

    def __init__(self, *, memory: int = _MEMORY) -> None:
        self._memory = memory
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None

    def run(self, program: str, text: str, seconds: float) -> list[Any]:
        """All values of the program.

        Raises:
            TimeoutError: it took too long, or too much memory.
            ValueError: jq refuses program or input, or the program ends with an error.
        """
        with self._lock:
            child = self._running()
            try:
                answer = self._ask(child, json.dumps([program, text]).encode() + b"\n", monotonic() + seconds)
            except BaseException:
                self.close()
                raise
        found = json.loads(answer)
        if "error" in found:
            raise ValueError(found["error"])
        values: list[Any] = found["values"]
        return values

    def close(self) -> None:
        """End the child; the next program starts another."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    pipe.close()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self.close()
            # The environment stays out: jq could show it. No text of a user is an argument.
            self._child = subprocess.Popen(  # noqa: S603 - see above
                [sys.executable, "-I", "-c", _CHILD, str(self._memory)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={},
                bufsize=0,
            )
            atexit.register(self.close)
        return self._child

    def _ask(self, child: subprocess.Popen[bytes], question: bytes, end: float) -> bytes:
        """One line there, one line back, before `end`."""
        if child.stdin is None or child.stdout is None:
            raise TimeoutError
        answer = bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(child.stdout, selectors.EVENT_READ)
            writer = threading.Thread(target=self._write, args=(child.stdin, question), daemon=True)
            writer.start()
            while not answer.endswith(b"\n"):
                left = end - monotonic()
                if left <= 0 or not selector.select(left):
                    raise TimeoutError("the jq program takes too long")
                piece = child.stdout.read(1 << 16)
                answer += piece
                if not piece or len(answer) > _LONGEST_ANSWER:
                    raise TimeoutError("the jq program needs too much memory")
            writer.join()
        return bytes(answer)

    @staticmethod
    def _write(pipe: Any, question: bytes) -> None:
        view = memoryview(question)
        try:
            while view:
                view = view[pipe.write(view) :]
        except (OSError, ValueError):
            pass  # the child is gone: the reader notices


_SHARED = JqProcess()


def run_jq(program: str, text: str, seconds: float) -> list[Any]:
    """As `JqProcess.run`, with the one child of this process."""
    return _SHARED.run(program, text, seconds)
