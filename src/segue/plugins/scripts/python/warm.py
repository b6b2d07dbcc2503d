"""Warm interpreters: template processes for the scripts of a worker, started when first needed (ADR 0063).

A template is good for all runs of the same interpreter with the same variables that a Python reads when it starts. It
is replaced when the interpreter, or a folder that decides what it finds, has changed; idle ones end after a while.
"""

import asyncio
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from segue.plugins.scripts.python.template_process import ForkedProcess, TemplateProcess

logger = logging.getLogger(__name__)

_READ_AT_START = ("PYTHON", "LC_", "LD_", "DYLD_", "MALLOC_", "OPENSSL_")
_READ_AT_START_EXACTLY = frozenset({"LANG", "LANGUAGE", "HOME", "GLIBC_TUNABLES"})
_RETRY_AFTER = 60.0
_LOOK_AGAIN = 1.0

Limit = tuple[str, int, int]
"""A resource limit of a run: name as in ``resource``, soft and hard value."""


class WarmScript(NamedTuple):
    """A script to run as ``python script arguments`` does. ``arguments`` begins with its absolute path."""

    python: str
    arguments: tuple[str, ...]
    folder: Path
    env: Mapping[str, str]


class WarmInterpreters:
    """The templates of one worker. Belongs to the loop it is used in."""

    def __init__(self, *, most: int = 4, idle_for: float = 300.0, limits: Sequence[Limit] = ()) -> None:
        """``most`` templates at a time, each for ``idle_for`` seconds after its last run; ``limits`` of every run."""
        self._most = most
        self._idle_for = idle_for
        self._limits = tuple(limits)
        self._templates: dict[_Key, _Kept] = {}
        self._retired: set[_Kept] = set()

    @property
    def templates(self) -> list[TemplateProcess]:
        """Those that there are, those that were used last at the end."""
        return [kept.template for kept in self._templates.values()]

    async def fork(self, script: WarmScript, stdout: int, stderr: int) -> ForkedProcess | None:
        """Run a script with these descriptors as its streams; the caller closes its own.

        None when it has to be started in the ordinary way: the template is only just being started, cannot be had, or
        has modules in it that the script's folder would come before.
        """
        if _has_relative_path(script.env):
            return None
        kept = self._kept(_Key(script.python, _startup(script.env)))
        if kept is None or kept.template.hello is None:
            return None
        if _shadows(script, frozenset(kept.template.hello["names"])):
            return None
        request = {
            "arguments": script.arguments,
            "env": dict(script.env),
            "cwd": str(script.folder),
            "limits": self._limits,
        }
        try:
            child = kept.template.fork(request, stdout, stderr)
            await child.wait_started()
        except OSError as error:
            logger.warning("a warm interpreter cannot be used: %s", error)
            return None
        child.ended.add_done_callback(lambda _: kept.rest())
        return child

    async def ready(self, python: str, env: Mapping[str, str]) -> bool:
        """Start the template for ``python`` and these variables, and wait for it; whether there is one then."""
        kept = self._kept(_Key(python, _startup(env)))
        return kept is not None and await kept.template.ready()

    async def close(self) -> None:
        """End all templates and what they have forked."""
        kept, self._templates = list(self._templates.values()), {}
        for one in [*kept, *self._retired]:
            one.end()
        for one in [*kept, *self._retired]:
            await one.template.ended()

    def _kept(self, key: "_Key") -> "_Kept | None":
        """The template for a key; a new one is being started when there is none."""
        kept = self._templates.pop(key, None)
        if kept is not None:
            self._templates[key] = kept  # to the end: used last
            if not kept.template.is_lost and kept.is_fresh():
                return kept
            if kept.template.is_lost and kept.template.hello is None and not kept.may_retry():
                return None
            self._drop(key)
        return self._start(key)

    def _start(self, key: "_Key") -> "_Kept | None":
        if len(self._templates) >= self._most:
            idle = next((key for key, kept in self._templates.items() if not kept.template.running), None)
            if idle is None:
                return None
            self._drop(idle)
        try:
            template = TemplateProcess.start(key.python, dict(key.startup))
        except OSError as error:
            logger.warning("no warm interpreter can be started of %s: %s", key.python, error)
            return None
        kept = self._templates[key] = _Kept(template, key, self._idle_for)
        kept.rest()
        logger.debug("template process %d of %s started", template.pid, key.python)
        return kept

    def _drop(self, key: "_Key") -> None:
        """Have a template end as soon as nothing runs that it has forked."""
        kept = self._templates.pop(key)
        self._retired = {one for one in self._retired if not one.template.is_lost} | {kept}
        kept.idle_for = _LOOK_AGAIN if kept.template.running else 0.0
        kept.rest()


class _Key(NamedTuple):
    """What a template depends on."""

    python: str
    startup: tuple[tuple[str, str], ...]


class _Kept:
    """A template, the state of the files it was started from, and the time it may stay idle."""

    def __init__(self, template: TemplateProcess, key: _Key, idle_for: float) -> None:
        self.template = template
        self.idle_for = idle_for
        self._python = key.python
        self._binary = _stamp(key.python)
        self._folders: dict[str, int] | None = None
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None

    def is_fresh(self) -> bool:
        """Whether a Python that started now would find the same."""
        if _stamp(self._python) != self._binary:
            return False
        hello = self.template.hello
        if hello is None:
            return True
        if self._folders is None:
            self._folders = {folder: _stamp(folder) for folder in hello["folders"]}
        return all(_stamp(folder) == stamp for folder, stamp in self._folders.items())

    def may_retry(self) -> bool:
        """Whether one that never came up may be tried again."""
        return self._loop.time() - self._began > _RETRY_AFTER

    def rest(self) -> None:
        """End after ``idle_for`` seconds in which nothing runs."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(self.idle_for, self._look)

    def end(self) -> None:
        """End now, and with it what it has forked."""
        if self._timer is not None:
            self._timer.cancel()
        self.template.lose()

    def _look(self) -> None:
        if self.template.running or (self.template.hello is None and not self.template.is_lost):
            self.rest()
        else:
            self.end()


def _startup(env: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The variables that matter when a Python starts, and later to nobody else."""
    return tuple(
        sorted(
            (name, value)
            for name, value in env.items()
            if name.startswith(_READ_AT_START) or name in _READ_AT_START_EXACTLY
        )
    )


def _has_relative_path(env: Mapping[str, str]) -> bool:
    path = env.get("PYTHONPATH", "")
    return bool(path) and not all(Path(entry).is_absolute() for entry in path.split(os.pathsep) if entry)


def _shadows(script: WarmScript, names: frozenset[str]) -> bool:
    """Whether the script's folder has a module of a name that the template has loaded from elsewhere."""
    try:
        with os.scandir(Path(script.arguments[0]).parent) as entries:
            return any(entry.name.partition(".")[0] in names for entry in entries)
    except OSError:
        return True


def _stamp(path: str) -> int:
    try:
        return Path(path).stat().st_mtime_ns
    except OSError:
        return 0
