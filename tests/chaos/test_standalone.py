"""A standalone server on SQLite with its worker is killed as one and started again on the same data."""

import asyncio
from pathlib import Path

from tests.chaos.cluster import SLOTS, environment
from tests.chaos.load import run_under
from tests.chaos.plugin import JOURNAL
from tests.chaos.verdict import check
from tests.combinations import Combination
from tests.processes import ServerProcess, running


async def test_a_standalone_server_is_killed(tmp_path: Path) -> None:
    config = Combination("sqlite", "memory").config(tmp_path) | {
        "worker": {"threads": 2 * SLOTS, "environment": [JOURNAL]}
    }
    server = ServerProcess("standalone", "standalone", tmp_path, config, environment=environment(tmp_path))

    async def kill_and_start() -> None:
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)

    with running(server):
        database_url = f"sqlite:///{tmp_path / 'data' / 'segue.db'}"
        witness = tmp_path / "witness.jsonl"
        outcome = await run_under(kill_and_start, lambda: server.addresses.http, witness, database_url)
    check(outcome, "[sqlite+memory] standalone server killed", losing=True)
    assert 0 < outcome.lost.total() <= 6 * SLOTS, "more than it can have had, results on their way included"
