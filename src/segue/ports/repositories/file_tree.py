"""Namespace files as a tree: the register and the contents together (flow language 14.2, server document 4)."""

from collections.abc import AsyncIterable, AsyncIterator, Sequence

import msgspec

from segue.domain.errors import IllegalPathError, NotFoundError
from segue.domain.file_paths import clean_folder, clean_path
from segue.domain.namespaces import check_namespace
from segue.ports.clock import Clock
from segue.ports.repositories.namespace_files import NamespaceFile, NamespaceFileRepository
from segue.ports.storage import Storage


class NamespaceFiles:
    """Reads and writes the files of namespaces. Every method checks namespace and path."""

    def __init__(self, register: NamespaceFileRepository, storage: Storage, clock: Clock) -> None:
        self.register = register
        self._storage = storage
        self._clock = clock

    async def find(self, tenant: str, namespace: str, path: str, revision: int | None = None) -> NamespaceFile | None:
        """The latest revision of a file, or the one named; None when there is none, or it is a folder."""
        found = await self.register.get(tenant, check_namespace(namespace), clean_path(path), revision)
        return None if found is None or found.is_folder or found.is_deleted else found

    async def get(self, tenant: str, namespace: str, path: str, revision: int | None = None) -> NamespaceFile:
        """The same. Raises ``NotFoundError``."""
        found = await self.find(tenant, namespace, path, revision)
        if found is None:
            raise NotFoundError(f"There is no file '{path[:200]}' in the namespace '{namespace}'")
        return found

    def read(self, file: NamespaceFile) -> AsyncIterator[bytes]:
        """The content in chunks."""
        return self._storage.get(file.tenant, file.uri)

    async def write(self, tenant: str, namespace: str, path: str, content: AsyncIterable[bytes]) -> NamespaceFile:
        """Store the next revision of a file. It appears whole or not at all."""
        reserved = await self.register.reserve(tenant, check_namespace(namespace), clean_path(path), self._clock.now())
        stored = await self._storage.put(tenant, reserved.uri, content)
        file = msgspec.structs.replace(reserved, size=stored.size)
        await self.register.publish(file)
        return file

    async def make_folder(self, tenant: str, namespace: str, path: str) -> None:
        """Make a folder; nothing happens when it is there."""
        await self.register.make_folder(tenant, check_namespace(namespace), clean_path(path), self._clock.now())

    async def below(self, tenant: str, namespace: str, folder: str = "") -> Sequence[NamespaceFile]:
        """All files and noted folders below a folder (the root without one)."""
        return await self.register.below(tenant, check_namespace(namespace), clean_folder(folder))

    async def delete(
        self, tenant: str, namespace: str, path: str, *, keep_folders: bool = False
    ) -> Sequence[NamespaceFile]:
        """Delete a file or a folder; what was deleted.

        The folders above that are empty then are deleted too, or kept as empty ones.
        """
        clean, now = clean_path(path), self._clock.now()
        deleted = list(await self.register.delete(tenant, check_namespace(namespace), clean, now))
        while deleted and "/" in clean:
            clean = clean.rpartition("/")[0]
            if await self.register.below(tenant, namespace, clean):
                break
            if keep_folders:
                await self.register.make_folder(tenant, namespace, clean, now)
                break
            deleted += await self.register.delete(tenant, namespace, clean, now)
        return deleted

    async def move(self, tenant: str, namespace: str, source: str, target: str) -> Sequence[NamespaceFile]:
        """Move a file, or a folder with everything below it; the files as they are now.

        Contents are copied before anything is deleted, so that nothing is lost when it breaks off.
        Raises ``NotFoundError`` when there is no source, ``IllegalPathError`` for a target within the source.
        """
        old, new = clean_path(source), clean_path(target)
        if new == old:
            return []
        if new.startswith(f"{old}/"):
            raise IllegalPathError(f"'{source[:200]}' cannot be moved into itself")
        found = await self.register.get(tenant, check_namespace(namespace), old)
        below = await self.register.below(tenant, namespace, old)
        files = [*([found] if found is not None else []), *below]
        if not files:
            raise NotFoundError(f"There is no file '{source[:200]}' in the namespace '{namespace}'")
        moved = []
        for file in files:
            place = new + file.path[len(old) :]
            if file.is_folder:
                await self.make_folder(tenant, namespace, place)
            else:
                moved.append(await self.write(tenant, namespace, place, self.read(file)))
        await self.delete(tenant, namespace, old)
        return moved
