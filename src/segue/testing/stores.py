"""What the KV store and the register of namespace files of every database must do.

Subclass these in a test module with a fixture ``database`` as in ``segue.testing.databases``.
"""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from segue.domain.errors import AlreadyExistsError, IllegalPathError
from segue.domain.kv import KvContent, KvType, content_of
from segue.ports.repositories.database import Database
from segue.ports.repositories.kv import KEPT_VERSIONS, KvEntry, KvQuery, KvWrite
from segue.ports.repositories.namespace_files import NamespaceFile
from segue.ports.repositories.paging import PageRequest
from segue.testing.samples import HOSTILE, NOW

NAMESPACE = "company.team"
SOON = NOW + timedelta(minutes=1)
LATER = NOW + timedelta(hours=1)


async def put(database: Database, key: str = "k", value: Any = "v", **fields: Any) -> KvEntry:
    """Write a value."""
    given: dict[str, Any] = {"tenant": "main", "namespace": NAMESPACE, "at": NOW} | fields
    return await database.kv.put(KvWrite(key=key, content=content_of(value), **given))


async def write(database: Database, path: str, size: int = 1, **fields: Any) -> NamespaceFile:
    """Register a file."""
    given: dict[str, Any] = {"tenant": "main", "namespace": NAMESPACE, "at": NOW} | fields
    file = msgspec.structs.replace(await database.namespace_files.reserve(path=path, **given), size=size)
    await database.namespace_files.publish(file)
    return file


class KvConformance:
    """``KvRepository``."""

    @pytest.mark.parametrize(
        "value",
        [*HOSTILE[:3], "", 1, 1.5, -(2**60), True, False, None, [1, "a"], {"a": {"b": None}}, timedelta(hours=1), NOW],
    )
    async def test_a_value_comes_back_with_its_type(self, database: Database, value: Any) -> None:
        written = await put(database, value=value)
        read = await database.kv.get("main", NAMESPACE, "k")
        assert read == written
        assert read is not None
        assert read.content == content_of(value)

    async def test_versions_count_up_and_keep_the_first_date(self, database: Database) -> None:
        first = await put(database, description="what it is")
        second = await put(database, value=2, at=LATER)
        assert (first.version, second.version) == (1, 2)
        assert (second.created_at, second.updated_at, second.description) == (NOW, LATER, None)
        assert await database.kv.get("main", NAMESPACE, "k", 1) == first
        assert await database.kv.get("main", NAMESPACE, "k") == second
        assert await database.kv.get("main", NAMESPACE, "k", 3) is None

    async def test_old_versions_go(self, database: Database) -> None:
        for number in range(KEPT_VERSIONS + 2):
            await put(database, value=number)
        assert await database.kv.get("main", NAMESPACE, "k", 2) is None
        assert await database.kv.get("main", NAMESPACE, "k", 3) is not None

    async def test_many_are_read_at_once(self, database: Database) -> None:
        own = await put(database)
        parent = await put(database, namespace="company")
        await put(database, "other")
        await put(database, tenant="another", namespace="company")
        names = [(NAMESPACE, "k"), ("company", "k"), ("company", "absent")]
        assert await database.kv.get_many("main", names) == {names[0]: own, names[1]: parent}
        assert await database.kv.get_many("main", []) == {}

    async def test_what_is_there_is_not_overwritten_unless_asked(self, database: Database) -> None:
        await put(database, overwrite=False, expires_at=SOON)
        with pytest.raises(AlreadyExistsError):
            await put(database, overwrite=False)
        again = await put(database, overwrite=False, at=LATER)
        assert (again.version, again.expires_at) == (2, None)

    async def test_expired_entries_are_told_apart(self, database: Database) -> None:
        entry = await put(database, expires_at=SOON)
        assert not entry.is_expired(NOW)
        assert entry.is_expired(SOON)
        assert await database.kv.get("main", NAMESPACE, "k") == entry
        assert (await database.kv.search(KvQuery(tenant="main", alive_at=NOW))).items == [entry]
        assert (await database.kv.search(KvQuery(tenant="main", alive_at=SOON))).items == []

    async def test_deletion_takes_all_versions(self, database: Database) -> None:
        await put(database)
        await put(database, value=2)
        await put(database, namespace="company")
        assert await database.kv.delete("main", NAMESPACE, ["k", "absent"]) == ["k"]
        assert await database.kv.delete("main", NAMESPACE, ["k"]) == []
        assert await database.kv.get("main", NAMESPACE, "k", 1) is None
        assert await database.kv.get("main", "company", "k") is not None
        assert (await put(database)).version == 1

    async def test_search(self, database: Database) -> None:
        await put(database, "alpha", at=LATER)
        await put(database, "beta")
        await put(database, "A_lpine", namespace="company")
        await put(database, "x", namespace="company-b")

        async def keys(**fields: Any) -> list[str]:
            return [entry.key for entry in (await database.kv.search(KvQuery(tenant="main", **fields))).items]

        assert await keys() == ["A_lpine", "x", "alpha", "beta"]
        assert await keys(namespaces=(NAMESPACE,)) == ["alpha", "beta"]
        assert await keys(namespace_prefix="company") == ["A_lpine", "alpha", "beta"]
        assert await keys(text="ALP") == ["alpha"]
        assert await keys(text="a_l") == ["A_lpine"]
        assert await keys(key_prefix="a") == ["alpha"]
        page = PageRequest(page=2, size=1, sort=(("updated", False),))
        found = await database.kv.search(KvQuery(tenant="main", namespaces=(NAMESPACE,), page=page))
        assert ([entry.key for entry in found.items], found.total) == (["beta"], 2)

    async def test_writers_at_once_all_succeed(self, database: Database) -> None:
        written = await asyncio.gather(*(put(database, value=number) for number in range(6)))
        assert sorted(entry.version for entry in written) == [1, 2, 3, 4, 5, 6]
        newest = await database.kv.get("main", NAMESPACE, "k")
        assert newest is not None
        assert newest.version == 6

    async def test_texts_of_any_kind(self, database: Database) -> None:
        for number, text in enumerate(HOSTILE):
            await put(database, f"k{number}", description=text)
            assert await database.kv.get("main", NAMESPACE, f"k{number}") is not None
            assert await database.kv.get("main", text, text) is None
            assert (await database.kv.search(KvQuery(tenant=text, text=text))).total == 0

    async def test_types_are_kept(self, database: Database) -> None:
        await database.kv.put(
            KvWrite(tenant="main", namespace=NAMESPACE, key="d", content=KvContent(KvType.DATE, "2025-01-02"), at=NOW)
        )
        read = await database.kv.get("main", NAMESPACE, "d")
        assert read is not None
        assert read.content == KvContent(KvType.DATE, "2025-01-02")


class NamespaceFileConformance:
    """``NamespaceFileRepository``."""

    async def test_a_file_appears_once_it_is_published(self, database: Database) -> None:
        files = database.namespace_files
        reserved = await files.reserve("main", NAMESPACE, "a/b.txt", NOW)
        assert (reserved.revision, reserved.uri) == (1, "kestra:///company/team/_files/a/b.txt")
        assert await files.get("main", NAMESPACE, "a/b.txt") is None
        assert await files.get("main", NAMESPACE, "a/b.txt", 1) is None
        assert list(await files.below("main", NAMESPACE)) == []
        file = msgspec.structs.replace(reserved, size=5)
        await files.publish(file)
        assert await files.get("main", NAMESPACE, "a/b.txt") == file
        assert await files.get("other", NAMESPACE, "a/b.txt") is None

    async def test_revisions(self, database: Database) -> None:
        files = database.namespace_files
        first = await write(database, "f", 1)
        second = await write(database, "f", 2, at=LATER)
        assert (second.revision, second.uri) == (2, "kestra:///company/team/_files/f.v2")
        assert (second.created_at, second.updated_at) == (NOW, LATER)
        assert list(await files.revisions("main", NAMESPACE, "f")) == [first, second]
        assert await files.get("main", NAMESPACE, "f") == second
        assert await files.get("main", NAMESPACE, "f", 1) == first
        assert list(await files.below("main", NAMESPACE)) == [second]

    async def test_no_two_contents_share_a_place(self, database: Database) -> None:
        await write(database, "f")
        second = await write(database, "f")
        named = await write(database, "f.v2")
        assert named.uri not in {second.uri, ""}
        assert (await write(database, "g.v2")).uri != (await write(database, "g")).uri
        assert (await write(database, "g")).uri.startswith("kestra:///company/team/_files/g.v2")

    async def test_an_older_revision_that_comes_late_is_not_the_latest(self, database: Database) -> None:
        files = database.namespace_files
        slow = await files.reserve("main", NAMESPACE, "f", NOW)
        quick = await write(database, "f", 2)
        await files.publish(slow)
        assert await files.get("main", NAMESPACE, "f") == quick
        assert await files.get("main", NAMESPACE, "f", 1) == slow

    async def test_deletion_keeps_history(self, database: Database) -> None:
        files = database.namespace_files
        file = await write(database, "f")
        assert list(await files.delete("main", NAMESPACE, "f", LATER)) == [file]
        assert list(await files.delete("main", NAMESPACE, "f", LATER)) == []
        assert await files.get("main", NAMESPACE, "f") is None
        assert await files.get("main", NAMESPACE, "f", 1) == file
        kept = await files.revisions("main", NAMESPACE, "f")
        assert [(one.revision, one.is_deleted) for one in kept] == [(1, False), (2, True)]
        again = await write(database, "f")
        assert again.revision == 3
        assert list(await files.below("main", NAMESPACE)) == [again]

    async def test_folders(self, database: Database) -> None:
        files = database.namespace_files
        await files.make_folder("main", NAMESPACE, "empty", NOW)
        await files.make_folder("main", NAMESPACE, "empty", NOW)
        await write(database, "a/b/c.txt")
        await write(database, "a/d.txt")
        await write(database, "a-b/e.txt")
        await write(database, "a0.txt")
        assert [one.path for one in await files.below("main", NAMESPACE, "a")] == ["a/b/c.txt", "a/d.txt"]
        everything = [(one.path, one.is_folder) for one in await files.below("main", NAMESPACE)]
        assert everything == [
            ("a-b/e.txt", False), ("a/b/c.txt", False), ("a/d.txt", False), ("a0.txt", False), ("empty", True)
        ]  # fmt: skip
        deleted = await files.delete("main", NAMESPACE, "a", LATER)
        assert [one.path for one in deleted] == ["a/b/c.txt", "a/d.txt"]
        assert list(await files.delete("main", NAMESPACE, "empty", LATER)) != []
        assert [one.path for one in await files.below("main", NAMESPACE)] == ["a-b/e.txt", "a0.txt"]
        await files.make_folder("main", NAMESPACE, "empty", NOW)
        assert len(await files.below("main", NAMESPACE)) == 3

    async def test_files_and_folders_do_not_take_each_others_place(self, database: Database) -> None:
        files = database.namespace_files
        await write(database, "a/b")
        with pytest.raises(IllegalPathError):
            await write(database, "a")
        with pytest.raises(IllegalPathError):
            await write(database, "a/b/c")
        with pytest.raises(IllegalPathError):
            await files.make_folder("main", NAMESPACE, "a/b", NOW)
        await files.make_folder("main", NAMESPACE, "d", NOW)
        with pytest.raises(IllegalPathError):
            await write(database, "d")

    async def test_writers_at_once_all_succeed(self, database: Database) -> None:
        written = await asyncio.gather(*(write(database, "f") for _ in range(5)))
        assert sorted(file.revision for file in written) == [1, 2, 3, 4, 5]
        assert len({file.uri for file in written}) == 5
        latest = await database.namespace_files.get("main", NAMESPACE, "f")
        assert latest is not None
        assert latest.revision == 5
