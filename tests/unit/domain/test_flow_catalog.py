"""Compiled flows with the settings of their namespaces: what is cached, for how long, and what never changes."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from segue.adapters.databases.sql import SqlDatabase
from segue.domain.errors import NotFoundError
from segue.domain.execution.model import FlowKey
from segue.domain.namespace_settings import NamespaceDefinition
from segue.ports.repositories.catalog import FlowCatalog
from segue.ports.repositories.flows import StoredFlow
from segue.ports.repositories.namespace_settings import NamespaceCatalog
from segue.testing.world import AnyType

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TEXT = "id: f\nnamespace: c.t\ntasks:\n  - {id: a, type: x.Task}\n"


class StandingClock:
    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at


class Place:
    """A catalogue over a real database, with a clock that is moved by hand."""

    def __init__(self, database: SqlDatabase) -> None:
        self.clock = StandingClock()
        self.database = database
        namespaces = NamespaceCatalog(database.namespaces, clock=self.clock)
        self.catalog = FlowCatalog(database.flows, AnyType(), clock=self.clock, namespaces=namespaces)

    async def say(self, id_: str, value: str) -> None:
        defaults = ({"type": "x", "values": {"description": value}},)
        definition = NamespaceDefinition(variables={"v": value}, plugin_defaults=defaults)
        await self.database.namespaces.save("main", id_, definition, self.clock.at)

    async def latest(self) -> tuple[str, Any, str | None]:
        flow = await self.catalog.latest("main", "c.t", "f")
        return flow.settings.pin, flow.settings.variables.get("v"), flow.get_task("a").description


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    database = SqlDatabase(f"sqlite:///{tmp_path / 'data.db'}")
    await database.start()
    flow = StoredFlow(tenant="main", namespace="c.t", id="f", revision=0, source=TEXT, updated_at=NOW)
    await database.flows.save(flow)
    yield Place(database)
    await database.stop()


async def test_changes_are_seen_at_once_when_they_are_told_of(place: Place) -> None:
    assert await place.latest() == ("", None, None)
    await place.say("c", "one")
    assert await place.latest() == ("", None, None)
    place.catalog.invalidate_namespace("main", "c.tt")
    place.catalog.invalidate_namespace("main", "c.t.below")
    assert await place.latest() == ("", None, None), "another namespace"
    place.catalog.invalidate_namespace("main", "c")
    assert await place.latest() == ("0.1", "one", "one")


async def test_changes_are_seen_after_a_while_when_they_are_not(place: Place) -> None:
    await place.latest()
    await place.say("c.t", "one")
    place.clock.at += timedelta(seconds=5)
    assert await place.latest() == ("1.0", "one", "one")
    await place.say("c.t", "two")
    place.catalog.invalidate_all()
    assert await place.latest() == ("2.0", "two", "two")


async def test_a_pinned_flow_stays_as_it_was(place: Place) -> None:
    await place.say("c", "one")
    pinned = (await place.catalog.latest("main", "c.t", "f")).settings.pin
    await place.say("c", "two")
    await place.database.namespaces.delete("main", "c", NOW)
    again = Place(place.database)
    flow = await again.catalog.by_key(FlowKey("main", "c.t", "f", 1, pinned))
    assert (flow.settings.variables, flow.get_task("a").description) == ({"v": "one"}, "one")
    assert await again.latest() == ("", None, None)
    assert (await again.catalog.latest("main", "c.t", "f", 1)).settings.pin == ""


async def test_settings_that_are_gone_are_an_error(place: Place) -> None:
    with pytest.raises(NotFoundError, match=r"Settings 9\.0 of the namespace 'c\.t' are gone"):
        await place.catalog.by_key(FlowKey("main", "c.t", "f", 1, "9.0"))
