"""Real servers: one is killed while its schedules run, two share a database."""

import asyncio
import time
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from segue.testing.servers import PostgresServer
from tests.combinations import Combination
from tests.processes import ServerProcess, running
from tests.rest import RestClient

NAMESPACE = "tests.killed"
FLOWS = 5
SOURCE = """
id: f{number}
namespace: tests.killed
triggers:
  - id: second
    type: io.kestra.plugin.core.trigger.Schedule
    cron: "* * * * * *"
    withSeconds: true
    allowConcurrent: true
tasks:
  - {{id: say, type: io.kestra.plugin.core.log.Log, message: "{{{{ trigger.date }}}}"}}
"""


async def dates(client: RestClient) -> Counter[tuple[str, datetime]]:
    """How often each date of each flow was started."""
    found: Counter[tuple[str, datetime]] = Counter()
    page = 1
    while True:
        answer = await client.json("GET", f"/executions/search?namespace={NAMESPACE}&size=500&page={page}")
        for each in answer["results"]:
            found[each["flowId"], datetime.fromisoformat(each["trigger"]["variables"]["date"])] += 1
        if len(answer["results"]) < 500:
            return found
        page += 1


def check(found: Counter[tuple[str, datetime]], seconds: float) -> None:
    """Every second of every flow was started once, from the first date to the last."""
    assert set(found.values()) == {1}
    for number in range(FLOWS):
        mine = sorted(date for flow_id, date in found if flow_id == f"f{number}")
        assert mine[-1] - mine[0] >= timedelta(seconds=seconds)
        assert mine == [mine[0] + timedelta(seconds=each) for each in range(len(mine))]


async def until(client: RestClient, each: int) -> Counter[tuple[str, datetime]]:
    """Wait until every flow was started so often."""
    deadline = time.monotonic() + 40
    while True:
        found = await dates(client)
        counts = Counter(flow_id for flow_id, _ in found)
        if len(counts) == FLOWS and min(counts.values()) >= each:
            return found
        assert time.monotonic() < deadline, f"{counts}, not {each}"
        await asyncio.sleep(0.2)


async def test_a_server_that_is_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    server = ServerProcess("killed", "standalone", tmp_path, Combination("sqlite", "memory").config(tmp_path))
    with running(server):
        async with RestClient(server.addresses.http) as client:
            await client.deploy(*(SOURCE.format(number=number) for number in range(FLOWS)))
            await until(client, 3)
        for _ in range(2):
            server.kill()
            await asyncio.sleep(1.5)
            server.start()
        async with RestClient(server.addresses.http) as client:
            check(await until(client, 15), 14)


@pytest.mark.postgres
async def test_two_schedulers_share_the_dates_and_one_is_killed(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    config = Combination("postgresql", "sql").config(tmp_path, postgres_server.new_database())
    web = ServerProcess("web", "webserver", tmp_path, config)
    schedulers = [ServerProcess(f"scheduler-{number}", "scheduler", tmp_path, config) for number in (1, 2)]
    with running(web, *schedulers):
        async with RestClient(web.addresses.http) as client:
            await client.deploy(*(SOURCE.format(number=number) for number in range(FLOWS)))
            await until(client, 3)
            schedulers[0].kill()
            check(await until(client, 16), 15)
