"""Flows with flow triggers that wait for other flows: what an execution's end costs must not depend on them."""

import asyncio
from datetime import UTC, datetime

from benchmarks.workload import NAMESPACE
from segue.adapters.databases.sql import SqlDatabase
from segue.domain.flow.parse import parse_flow
from segue.domain.trigger.registration import registration_of
from segue.plugins.registry import PluginRegistry
from segue.ports.repositories.flows import StoredFlow


def source(number: int) -> str:
    """A flow that follows a flow of its own."""
    return f"""
id: follower-{number}
namespace: {NAMESPACE}
triggers:
  - id: after
    type: io.kestra.plugin.core.trigger.Flow
    dependsOn: [{{namespace: {NAMESPACE}, flowId: upstream-{number}, states: [SUCCESS]}}]
tasks:
  - {{id: say, type: io.kestra.plugin.core.log.Log, message: "{{{{ trigger.executionId }}}}"}}
"""


def store_followers(url: str, count: int) -> None:
    """Store so many of them, past the API."""
    asyncio.run(_store(url, count))


async def _store(url: str, count: int) -> None:
    database, types, now = SqlDatabase(url), PluginRegistry(), datetime.now(UTC)
    await database.start()
    for number in range(count):
        text = source(number)
        flow = parse_flow(text, types).valid_flow()
        stored = StoredFlow(tenant="main", namespace=NAMESPACE, id=flow.id, revision=0, source=text, updated_at=now)
        await database.flows.save(stored, triggers=registration_of(flow, now))
    await database.stop()
