"""Removes what workers of this machine have left behind when they were killed.

Looked after when a worker first uses an engine, and then with its runs, at most once a minute. A container that another
attempt may take over is given ten minutes for that.
"""

import contextlib
import json
import time

from segue.plugins.scripts.runner.docker.container import containers, name_in, remove
from segue.plugins.scripts.runner.docker.creation import MACHINE, RESUMABLE
from segue.plugins.scripts.runner.docker.engine import Engine, EngineBrokenError, EngineError
from segue.plugins.scripts.runner.docker.leases import take, this_machine

EVERY = 60.0
TAKEN_OVER_WITHIN = 600.0
"""In seconds."""

_last: dict[str, float] = {}
_seen: dict[str, float] = {}


async def sweep(engine: Engine) -> list[str]:
    """Remove the containers and volumes of dead workers, if it is time for it; their names."""
    now = time.monotonic()
    if now - _last.get(engine.address.shown, -EVERY) < EVERY:
        return []
    _last[engine.address.shown] = now
    gone: list[str] = []
    with contextlib.suppress(EngineError, EngineBrokenError, OSError):
        there = await containers(engine, [f"{MACHINE}={this_machine()}"])
        waiting = {
            name_in(found)
            for found in there
            if found["Labels"].get(RESUMABLE) == "true" and found.get("State") != "created"
        }
        names = {name_in(found) for found in there}
        filters = json.dumps({"label": [f"{MACHINE}={this_machine()}"]})
        volumes = await engine.ask("GET", "/volumes", params={"filters": filters}) or {}
        names |= {volume["Name"] for volume in volumes.get("Volumes") or ()}
        for known in _seen.keys() - names:
            del _seen[known]
        for name in sorted(names):
            gone += [name] * await _sweep_one(engine, name, now, may_be_taken_over=name in waiting)
    return gone


async def _sweep_one(engine: Engine, name: str, now: float, *, may_be_taken_over: bool) -> bool:
    lease = take(name)
    if lease is None:
        _seen.pop(name, None)
        return False
    is_gone = False
    try:
        if may_be_taken_over and now - _seen.setdefault(name, now) < TAKEN_OVER_WITHIN:
            return False
        await remove(engine, name, has_volume=True)
        is_gone = True
        _seen.pop(name, None)
    finally:
        lease.release(is_gone=is_gone)
    return True
