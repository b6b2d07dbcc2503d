"""What scripts import as ``from kestra import Kestra`` when nobody has installed the library of that name.

It only prints the lines of the script protocol (core plugins 17.3). It is found through ``PYTHONPATH``; an installed
``kestra`` further down the path takes its place. Runs under any Python from 3.8 on, so its syntax is that of 3.8.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from importlib.machinery import PathFinder
from importlib.util import module_from_spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from importlib.machinery import ModuleSpec
    from typing import Any

__all__ = ["Kestra"]

_LEVELS = ((logging.ERROR, "ERROR"), (logging.WARNING, "WARN"), (logging.INFO, "INFO"), (logging.DEBUG, "DEBUG"))


class Kestra:
    """Reports to the task that the script belongs to."""

    @staticmethod
    def format(message: Mapping[str, Any]) -> str:
        """A message as the line that the task understands."""
        return "::" + json.dumps(message) + "::"

    @staticmethod
    def outputs(values: Mapping[str, Any]) -> None:
        """Set outputs of the task: ``outputs.<task>.vars``. Later values of a name win."""
        _send({"outputs": values})

    @staticmethod
    def assets(values: Mapping[str, Any]) -> None:
        """Tell of assets: a map with ``inputs`` and ``outputs``."""
        _send({"assets": values})

    @staticmethod
    def counter(name: str, value: float, tags: Mapping[str, str] | None = None) -> None:
        """Report a count."""
        _metric(name, "counter", value, tags)

    @staticmethod
    def gauge(name: str, value: float, tags: Mapping[str, str] | None = None) -> None:
        """Report a value."""
        _metric(name, "gauge", value, tags)

    @staticmethod
    def timer(name: str, duration: float | Callable[[], object], tags: Mapping[str, str] | None = None) -> None:
        """Report seconds, or how long a call of ``duration`` takes."""
        if callable(duration):
            began = time.perf_counter()
            duration()
            duration = time.perf_counter() - began
        _metric(name, "timer", duration, tags)

    @staticmethod
    def logger() -> logging.Logger:
        """A logger of the standard library whose lines keep their level in the task's log."""
        found = logging.getLogger("Kestra")
        if not any(isinstance(handler, _Handler) for handler in found.handlers):
            found.setLevel(logging.DEBUG)
            found.addHandler(_Handler())
        return found


class _Handler(logging.Handler):
    """Prints a record as a line of the protocol: from WARNING on to the error stream."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            level = next((name for least, name in _LEVELS if record.levelno >= least), "TRACE")
            stream = sys.stderr if record.levelno >= logging.WARNING else sys.stdout
            print(Kestra.format({"logs": [{"level": level, "message": self.format(record)}]}), file=stream, flush=True)
        except Exception:
            self.handleError(record)


def _metric(name: str, kind: str, value: float, tags: Mapping[str, str] | None) -> None:
    _send({"metrics": [{"name": name, "type": kind, "value": value, "tags": tags or {}}]})


def _send(message: Mapping[str, Any]) -> None:
    print(Kestra.format(message), flush=True)


def _installed() -> ModuleSpec | None:
    """The spec of a ``kestra`` that somebody installed, None without one."""
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return PathFinder.find_spec(__name__, [entry for entry in sys.path if os.path.abspath(entry or ".") != here])


def __getattr__(name: str) -> Any:
    raise AttributeError(
        f"module 'kestra' has no attribute '{name}': this is the small one that comes with the server; "
        "add 'kestra' to `dependencies` for the library"
    )


_spec = _installed()
if _spec is not None and _spec.loader is not None:
    sys.modules[__name__] = module_from_spec(_spec)
    _spec.loader.exec_module(sys.modules[__name__])
