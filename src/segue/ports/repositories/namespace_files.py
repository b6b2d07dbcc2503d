"""The register of namespace files: which there are and where each revision lies (flow language 14.2).

Contents lie in internal storage; a revision appears once its content is there. ``NamespaceFiles`` (``file_tree``)
puts both together.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec


class NamespaceFile(msgspec.Struct, frozen=True, kw_only=True):
    """One revision of a file, or a folder that was made. ``path`` has no slash at either end."""

    tenant: str
    namespace: str
    path: str
    revision: int
    created_at: datetime
    """When the first revision was written."""
    updated_at: datetime
    uri: str = ""
    """Where the content lies; empty for folders and deletions."""
    size: int = 0
    is_folder: bool = False
    is_deleted: bool = False


class NamespaceFileRepository(Protocol):
    """Files by tenant, namespace and path. Paths are checked before."""

    async def get(self, tenant: str, namespace: str, path: str, revision: int | None = None) -> NamespaceFile | None:
        """The latest revision unless it is a deletion, or the revision named (which may be one)."""
        ...

    async def reserve(self, tenant: str, namespace: str, path: str, at: datetime) -> NamespaceFile:
        """The next revision of a file with a URI of its own, invisible until ``publish``.

        Raises ``IllegalPathError`` when the path is a folder, or one of its folders is a file.
        """
        ...

    async def publish(self, file: NamespaceFile) -> None:
        """Make a reserved revision, whose content and ``size`` are known now, the latest."""
        ...

    async def make_folder(self, tenant: str, namespace: str, path: str, at: datetime) -> None:
        """Note a folder, also an empty one. Raises ``IllegalPathError`` when the path is a file."""
        ...

    async def below(self, tenant: str, namespace: str, folder: str = "") -> Sequence[NamespaceFile]:
        """The latest revisions of all files and noted folders below ``folder`` at any depth, by path."""
        ...

    async def delete(self, tenant: str, namespace: str, path: str, at: datetime) -> Sequence[NamespaceFile]:
        """Delete a file, or a folder with everything below it: what was deleted. Older revisions stay."""
        ...

    async def paths(self, tenant: str, namespace: str, after: str, limit: int) -> Sequence[str]:
        """Up to ``limit`` paths of files after one, in order, those of deleted files included."""
        ...

    async def forget(self, tenant: str, namespace: str, path: str, revisions: Sequence[int]) -> Sequence[NamespaceFile]:
        """Remove old revisions of a file from the register, never the latest: what was removed."""
        ...

    async def revisions(self, tenant: str, namespace: str, path: str) -> Sequence[NamespaceFile]:
        """All revisions of a file, deletions included, oldest first."""
        ...
