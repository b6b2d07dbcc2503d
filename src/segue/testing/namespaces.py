"""What every database must do with namespaces: subclass in a test module with a fixture ``database``."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from segue.domain.errors import AlreadyExistsError
from segue.domain.namespace_settings import NamespaceDefinition
from segue.ports.repositories.database import Database
from segue.ports.repositories.namespaces import StoredNamespace
from segue.testing.samples import HOSTILE, NOW

LATER = NOW + timedelta(hours=1)


def said(**fields: Any) -> NamespaceDefinition:
    """A definition."""
    return NamespaceDefinition(**fields)


async def save(
    database: Database, definition: NamespaceDefinition, id_: str = "company.team", **options: Any
) -> StoredNamespace:
    """Store one."""
    given: dict[str, Any] = {"tenant": "main", "at": NOW} | options
    return await database.namespaces.save(id_=id_, definition=definition, **given)


class NamespaceConformance:
    """``NamespaceRepository``."""

    @pytest.mark.parametrize("text", HOSTILE)
    async def test_what_was_said_comes_back(self, database: Database, text: str) -> None:
        defaults = ({"type": "io.kestra", "values": {"a": text, "b": [1, None]}, "forced": True},)
        written = await save(database, said(description=text, variables={text: text}, plugin_defaults=defaults))
        assert (written.revision, written.created_at, written.updated_at) == (1, NOW, NOW)
        assert await database.namespaces.get_many("main", ["company.team"]) == {"company.team": written}

    async def test_revisions_count_up_and_stay(self, database: Database) -> None:
        first = await save(database, said(variables={"a": 1}))
        second = await save(database, said(variables={"a": 2}), at=LATER)
        assert (second.revision, second.created_at, second.updated_at) == (2, NOW, LATER)
        assert await database.namespaces.get_many("main", ["company.team"]) == {"company.team": second}
        found = await database.namespaces.revisions("main", [("company.team", 1), ("company", 1), ("company.team", 9)])
        assert found == {"company.team": first}

    async def test_the_same_again_writes_nothing(self, database: Database) -> None:
        first = await save(database, said(description="a"))
        assert await save(database, said(description="a"), at=LATER) == first

    async def test_creating_what_is_there_is_refused(self, database: Database) -> None:
        await save(database, said(), create=True)
        with pytest.raises(AlreadyExistsError, match=r"the namespace 'company\.team' exists already"):
            await save(database, said(description="b"), create=True)

    async def test_what_was_deleted_is_gone_but_for_its_revisions(self, database: Database) -> None:
        first = await save(database, said(variables={"a": 1}))
        assert await database.namespaces.delete("main", "company.team", LATER)
        assert not await database.namespaces.delete("main", "company.team", LATER)
        assert await database.namespaces.get_many("main", ["company.team"]) == {}
        assert await database.namespaces.ids("main") == []
        assert await database.namespaces.revisions("main", [("company.team", 1)]) == {"company.team": first}
        again = await save(database, said(variables={"a": 1}), at=LATER, create=True)
        assert (again.revision, again.created_at) == (3, LATER)

    async def test_ids_are_sorted_and_of_one_tenant(self, database: Database) -> None:
        for id_ in ("b", "a.b", "a"):
            await save(database, said(), id_)
        await save(database, said(), "c", tenant="other")
        assert await database.namespaces.ids("main") == ["a", "a.b", "b"]
        assert await database.namespaces.get_many("other", ["a", "b"]) == {}
        assert await database.namespaces.get_many("main", []) == {}
        assert await database.namespaces.revisions("main", []) == {}

    async def test_many_writers_get_a_revision_each(self, database: Database) -> None:
        written = await asyncio.gather(*(save(database, said(variables={"n": number})) for number in range(5)))
        assert sorted(one.revision for one in written) == [1, 2, 3, 4, 5]
