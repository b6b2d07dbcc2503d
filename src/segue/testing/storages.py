"""What every internal storage must do: subclass with a fixture ``storage`` that yields a started, empty one."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from segue.domain.errors import IllegalPathError, NotFoundError
from segue.ports.storage import FileEntry, Storage, StoredFile

MEBIBYTE = 1 << 20
ILLEGAL = (
    "kestra:///../secret",
    "kestra:///a/../../b",
    "kestra:///a/..",
    "kestra:///./a",
    "kestra:///a//b",
    "kestra:////etc/passwd",
    "kestra:///",
    "kestra:///a\0b",
    "kestra:///a\\..\\b",
    "kestra:///a\nb",
    "kestra://host/a",
    "file:///etc/passwd",
    "/etc/passwd",
    "a/b",
    "",
    "kestra:///" + "x" * 300,
    "kestra:///\ud800",
)
"""URIs that name no file of a tenant."""


async def pieces(*content: bytes) -> AsyncIterator[bytes]:
    """Content as it comes over a wire."""
    for piece in content:
        await asyncio.sleep(0)
        yield piece


async def content_of(storage: Storage, uri: str, offset: int = 0, tenant: str = "main") -> bytes:
    """The content of a file, with its chunks checked."""
    found = []
    async for chunk in storage.get(tenant, uri, offset):
        assert 1 <= len(chunk) <= MEBIBYTE
        found.append(chunk)
    return b"".join(found)


class StorageConformance:
    """``Storage``."""

    async def test_a_file_comes_back_as_it_was_written(self, storage: Storage) -> None:
        uri = "kestra:///company/team/my-flow/executions/x1/tasks/t/r/file name é.txt"
        written = await storage.put("main", uri, pieces(b"hello ", b"", b"world"))
        assert written == StoredFile(uri, 11, hashlib.sha256(b"hello world").hexdigest())
        assert await content_of(storage, uri) == b"hello world"
        assert await content_of(storage, uri, 6) == b"world"
        assert await content_of(storage, uri, 99) == b""
        assert await storage.size("main", uri) == 11
        assert await storage.exists("main", uri)

    async def test_an_empty_file_is_a_file(self, storage: Storage) -> None:
        assert (await storage.put("main", "kestra:///empty", pieces())).size == 0
        assert await storage.exists("main", "kestra:///empty")
        assert await content_of(storage, "kestra:///empty") == b""

    async def test_large_files_are_streamed(self, storage: Storage) -> None:
        block = bytes(range(256)) * 1024
        written = await storage.put("main", "kestra:///large", pieces(*[block] * 20))
        assert written.size == 20 * len(block)
        assert await content_of(storage, "kestra:///large") == block * 20
        assert await content_of(storage, "kestra:///large", 19 * len(block) + 1) == block[1:]

    async def test_a_broken_upload_leaves_the_old_file(self, storage: Storage) -> None:
        async def broken() -> AsyncIterator[bytes]:
            yield b"x" * (2 * MEBIBYTE)
            raise ConnectionError("gone")

        with pytest.raises(ConnectionError):
            await storage.put("main", "kestra:///f", broken())
        assert not await storage.exists("main", "kestra:///f")
        await storage.put("main", "kestra:///f", pieces(b"old"))
        with pytest.raises(ConnectionError):
            await storage.put("main", "kestra:///f", broken())
        assert await content_of(storage, "kestra:///f") == b"old"
        await storage.put("main", "kestra:///f", pieces(b"new"))
        assert await content_of(storage, "kestra:///f") == b"new"

    async def test_readers_keep_what_they_opened(self, storage: Storage) -> None:
        await storage.put("main", "kestra:///f", pieces(b"a" * 3 * MEBIBYTE))
        reader = storage.get("main", "kestra:///f")
        first = await anext(reader)
        await storage.put("main", "kestra:///f", pieces(b"b"))
        assert set(first + b"".join([chunk async for chunk in reader])) == {ord("a")}

    async def test_what_is_not_there(self, storage: Storage) -> None:
        await storage.put("main", "kestra:///folder/file", pieces(b"x"))
        for uri in ("kestra:///none", "kestra:///folder", "kestra:///folder/file/below"):
            with pytest.raises(NotFoundError):
                await content_of(storage, uri)
            with pytest.raises(NotFoundError):
                await storage.size("main", uri)
            assert not await storage.exists("main", uri)
            assert not await storage.delete("main", uri)

    async def test_tenants_do_not_see_each_other(self, storage: Storage) -> None:
        await storage.put("one", "kestra:///f", pieces(b"1"))
        await storage.put("two", "kestra:///f", pieces(b"2"))
        assert await content_of(storage, "kestra:///f", tenant="one") == b"1"
        assert await storage.delete("one", "kestra:///f")
        assert not await storage.exists("one", "kestra:///f")
        assert await content_of(storage, "kestra:///f", tenant="two") == b"2"

    async def test_delete_below_takes_a_folder_and_nothing_beside_it(self, storage: Storage) -> None:
        for name in ("a/1", "a/b/2", "a/b/c/3", "ab/4"):
            await storage.put("main", f"kestra:///{name}", pieces(b"x"))
        assert await storage.delete_below("main", "kestra:///a") == 3
        assert await storage.delete_below("main", "kestra:///a/") == 0
        assert await storage.exists("main", "kestra:///ab/4")
        await storage.put("main", "kestra:///a", pieces(b"now a file"))
        assert await storage.delete_below("main", "kestra:///") == 2

    async def test_files_are_listed_in_slices(self, storage: Storage) -> None:
        before = datetime.now(UTC) - timedelta(seconds=5)
        names = {"a/1", "a/b/2", "a/b/c/3", "a/b.c/4", "a/b-c", "a/z"}
        for name in (*names, "ab/5"):
            await storage.put("main", f"kestra:///{name}", pieces(name.encode()))
        found: list[FileEntry] = []
        while part := await storage.entries("main", "kestra:///a", found[-1].uri if found else "", 2):
            assert len(part) <= 2
            found += part
        assert sorted(file.uri for file in found) == sorted(f"kestra:///{name}" for name in names)
        assert {file.size for file in found} == {len(name) for name in names}
        assert all(before < file.modified_at < before + timedelta(seconds=60) for file in found)
        assert await storage.entries("main", "kestra:///a/") == found
        assert len(await storage.entries("main", "kestra:///")) == 7
        assert await storage.entries("main", "kestra:///none") == []
        assert await storage.entries("other", "kestra:///") == []
        await storage.delete("main", found[1].uri)
        assert await storage.entries("main", "kestra:///a", found[1].uri) == found[2:]

    @pytest.mark.parametrize("uri", ILLEGAL)
    async def test_illegal_paths_are_refused_everywhere(self, storage: Storage, uri: str) -> None:
        with pytest.raises(IllegalPathError):
            await storage.put("main", uri, pieces(b"x"))
        with pytest.raises(IllegalPathError):
            await content_of(storage, uri)
        for call in (storage.size, storage.exists, storage.delete):
            with pytest.raises(IllegalPathError):
                await call("main", uri)
        if uri != "kestra:///":
            with pytest.raises(IllegalPathError):
                await storage.delete_below("main", uri)
            with pytest.raises(IllegalPathError):
                await storage.entries("main", uri)

    @pytest.mark.parametrize("tenant", ["..", ".", "", "a/b", "../main", ".partial", "a\0"])
    async def test_illegal_tenants_are_refused(self, storage: Storage, tenant: str) -> None:
        with pytest.raises(IllegalPathError):
            await storage.put(tenant, "kestra:///f", pieces(b"x"))

    async def test_many_writers_of_one_file(self, storage: Storage) -> None:
        contents = [bytes([65 + n]) * 100_000 for n in range(8)]
        await asyncio.gather(*(storage.put("main", "kestra:///a/f", pieces(content)) for content in contents))
        assert await content_of(storage, "kestra:///a/f") in contents
