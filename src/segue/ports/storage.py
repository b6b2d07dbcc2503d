"""Internal storage: files by ``kestra:///`` URI within a tenant (server document 4)."""

from collections.abc import AsyncIterable, AsyncIterator
from datetime import datetime
from typing import Protocol

import msgspec


class StoredFile(msgspec.Struct, frozen=True):
    """What was written: its URI, size in bytes and hex SHA-256."""

    uri: str
    size: int
    digest: str


class FileEntry(msgspec.Struct, frozen=True):
    """A file that is there: its URI, size in bytes, and when it was written."""

    uri: str
    size: int
    modified_at: datetime


class Storage(Protocol):
    """Files. Paths with ``..`` or outside the tenant raise ``IllegalPathError``; a file that is not
    there raises ``NotFoundError``. Content is streamed, never whole in memory."""

    async def start(self) -> None:
        """Open it; make the root where that makes sense."""
        ...

    async def stop(self) -> None:
        """Close it."""
        ...

    async def put(self, tenant: str, uri: str, content: AsyncIterable[bytes]) -> StoredFile:
        """Write a file whole or not at all; an existing one is replaced in one step."""
        ...

    def get(self, tenant: str, uri: str, offset: int = 0) -> AsyncIterator[bytes]:
        """The content in chunks of at most 1 MiB, from byte ``offset`` on."""
        ...

    async def size(self, tenant: str, uri: str) -> int:
        """Bytes of the file."""
        ...

    async def exists(self, tenant: str, uri: str) -> bool:
        """Whether there is a file."""
        ...

    async def entries(self, tenant: str, prefix: str, after: str = "", limit: int = 1000) -> list[FileEntry]:
        """Up to ``limit`` files under the folder ``prefix``, those after the URI ``after``.

        The order is the storage's own, and always the same; a folder that is not there has no files.
        """
        ...

    async def delete(self, tenant: str, uri: str) -> bool:
        """Remove a file; whether there was one."""
        ...

    async def delete_below(self, tenant: str, prefix: str) -> int:
        """Remove every file under the folder ``prefix``; how many there were."""
        ...
