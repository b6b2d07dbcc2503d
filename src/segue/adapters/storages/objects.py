"""Files as objects of a bucket: Amazon S3, MinIO, Google Cloud Storage, Azure, or memory (server document 4).

The key of an object is ``[path/]tenant/path of the URI``, which is the layout that the original uses.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterable, AsyncIterator, Iterator, Sequence
from typing import TYPE_CHECKING

from segue.adapters.storages.faults import FAULTS, explain, is_missing
from segue.adapters.storages.paths import PREFIX, segments_of
from segue.domain.errors import IllegalPathError, NotFoundError, UnavailableError
from segue.ports.storage import FileEntry, StoredFile

try:
    import obstore
except ImportError as error:
    raise UnavailableError(
        "object storages need the client obstore: install the extra, pip install 'segue[objects]'"
    ) from error

if TYPE_CHECKING:
    from obstore import ObjectMeta, PutResult
    from obstore.store import ObjectStore

CHUNK = 1 << 20
"""Bytes of the chunks that ``get`` yields, and that are handed to the client at once."""

PART = 8 << 20
"""Bytes up to which a file is sent with one request, and of a part of a larger one."""

_PARTS_IN_FLIGHT = 2
_UPLOADS = 16
_PAGE = 1000
_LONGEST_KEY = 1024
_ABANDON_SECONDS = 10.0


class ObjectStorage:
    """See ``Storage``. ``name`` is what errors call the place; ``path`` the folder in the bucket.

    A file up to the size of a part is one request, a larger one is sent in parts while it comes: 2 parts in
    flight, and at most 16 such uploads at a time, so that memory is bounded. An upload that breaks is aborted.
    """

    def __init__(self, store: "ObjectStore", name: str, *, path: str = "", part_size: int = PART) -> None:
        self._store = store
        self._name = name
        self._base = "".join(f"{part}/" for part in path.split("/") if part)
        self._part_size = part_size
        self._uploads = asyncio.Semaphore(_UPLOADS)

    async def start(self) -> None:
        """See ``Storage.start``. Raises ``UnavailableError`` when the bucket cannot be reached or listed."""
        with self._faults("be used"):
            async for _ in self._store.list(self._base or None, chunk_size=1):
                break

    async def stop(self) -> None:
        """See ``Storage.stop``."""

    async def put(self, tenant: str, uri: str, content: AsyncIterable[bytes]) -> StoredFile:
        """See ``Storage.put``. Raises ``UnavailableError`` when less arrived than was sent."""
        key = self._key(tenant, uri)
        measured = _Measured(content)
        head = bytearray()
        async for piece in measured:
            head += piece
            if len(head) > self._part_size:
                async with self._uploads:
                    await self._put_parts(key, uri, bytes(head), measured)
                break
        else:
            with self._faults("write", uri):
                await obstore.put_async(self._store, key, bytes(head), use_multipart=False)
        return StoredFile(uri, measured.size, measured.digest.hexdigest())

    async def get(self, tenant: str, uri: str, offset: int = 0) -> AsyncIterator[bytes]:
        """See ``Storage.get``. Raises ``UnavailableError`` when the content ends before its size."""
        key, offset = self._key(tenant, uri), max(offset, 0)
        if offset and offset >= await self.size(tenant, uri):
            return
        with self._faults("read", uri):
            found = await obstore.get_async(self._store, key, options={"range": {"offset": offset}} if offset else {})
        left = found.meta["size"] - offset
        stream = found.stream(min_chunk_size=CHUNK)
        while left > 0:
            with self._faults("read", uri):
                chunk = await anext(stream, b"")
            if not chunk:
                raise UnavailableError(f"{self._name} ended {uri} {left} bytes early")
            left -= len(chunk)
            view = memoryview(chunk)
            for start in range(0, len(view), CHUNK):
                yield bytes(view[start : start + CHUNK])

    async def size(self, tenant: str, uri: str) -> int:
        """See ``Storage.size``."""
        return (await self._head(self._key(tenant, uri), uri))["size"]

    async def exists(self, tenant: str, uri: str) -> bool:
        """See ``Storage.exists``."""
        try:
            await self._head(self._key(tenant, uri), uri)
        except NotFoundError:
            return False
        return True

    async def entries(self, tenant: str, prefix: str, after: str = "", limit: int = 1000) -> list[FileEntry]:
        """See ``Storage.entries``. The order is that of the keys."""
        folder, home = self._folder(tenant, prefix), f"{self._base}{tenant}/"
        below = prefix.removesuffix("/") + "/" if prefix != PREFIX else PREFIX
        offset = home + after.removeprefix(PREFIX) if after.startswith(below) and after != below else None
        found: list[FileEntry] = []
        if limit < 1:
            return found
        with self._faults("list", prefix):
            async for page in self._store.list(folder, offset=offset, chunk_size=min(limit, _PAGE)):
                found += (
                    FileEntry(PREFIX + item["path"].removeprefix(home), item["size"], item["last_modified"])
                    for item in page
                    if offset is None or item["path"] > offset  # not every server looks at the offset
                )
                if len(found) >= limit:
                    break
        return found[:limit]

    async def delete(self, tenant: str, uri: str) -> bool:
        """See ``Storage.delete``."""
        key = self._key(tenant, uri)
        try:
            await self._head(key, uri)
            with self._faults("delete", uri):
                await obstore.delete_async(self._store, key)
        except NotFoundError:
            return False
        return True

    async def delete_below(self, tenant: str, prefix: str) -> int:
        """See ``Storage.delete_below``. Page by page: what is written meanwhile may stay."""
        count = 0
        with self._faults("list", prefix):
            async for page in self._store.list(self._folder(tenant, prefix), chunk_size=_PAGE):
                keys = [item["path"] for item in page]
                await self._delete_all(keys, prefix)
                count += len(keys)
        return count

    async def _delete_all(self, keys: Sequence[str], prefix: str) -> None:
        try:
            with self._faults("delete", prefix):
                await obstore.delete_async(self._store, keys)
        except NotFoundError:  # somebody else deletes too: which of them are left?
            for key in keys:
                with contextlib.suppress(NotFoundError), self._faults("delete", prefix):
                    await obstore.delete_async(self._store, key)

    async def _put_parts(self, key: str, uri: str, head: bytes, rest: "_Measured") -> None:
        feed: asyncio.Queue[bytes | None] = asyncio.Queue(1)
        upload = asyncio.ensure_future(
            obstore.put_async(
                self._store,
                key,
                _fed(feed),
                use_multipart=True,
                chunk_size=self._part_size,
                max_concurrency=_PARTS_IN_FLIGHT,
            )
        )
        upload.add_done_callback(lambda _: _drain(feed))
        try:
            await feed.put(head)
            del head
            async for block in _blocks(rest):
                if upload.done():
                    break
                await feed.put(block)
        except BaseException:
            await _abandon(feed, upload)
            raise
        with self._faults("write", uri):
            if not upload.done():
                await feed.put(b"")
            written = await asyncio.shield(upload)
        await self._verify(key, uri, written, rest.size)

    async def _verify(self, key: str, uri: str, written: "PutResult", size: int) -> None:
        """Compare what lies there with what was sent, unless somebody has replaced it already."""
        meta = await self._head(key, uri)
        if meta["e_tag"] == written["e_tag"] and meta["size"] != size:
            raise UnavailableError(f"{self._name} holds {meta['size']} of the {size} bytes of {uri}: write it again")

    async def _head(self, key: str, uri: str) -> "ObjectMeta":
        with self._faults("read", uri):
            return await obstore.head_async(self._store, key)

    def _key(self, tenant: str, uri: str) -> str:
        key = f"{self._base}{tenant}/{'/'.join(segments_of(tenant, uri))}"
        if len(key.encode()) > _LONGEST_KEY:
            raise IllegalPathError(f"{uri[:200]!r}... is too long: a key of a bucket has at most {_LONGEST_KEY} bytes")
        return key

    def _folder(self, tenant: str, prefix: str) -> str:
        return self._base + "/".join((tenant, *segments_of(tenant, prefix, folder=True)))

    @contextlib.contextmanager
    def _faults(self, doing: str, uri: str = "") -> Iterator[None]:
        """Turn the client's errors into ours. Theirs hold addresses and headers, which may be secret."""
        try:
            yield
        except FAULTS as error:
            if uri and is_missing(error):
                raise NotFoundError(f"there is no file {uri}") from None
            what = f"{doing} {uri}".strip()
            raise UnavailableError(f"{self._name} cannot {what}: {explain(error)}") from None


class _Measured:
    """Content that counts and digests itself while it is read."""

    def __init__(self, content: AsyncIterable[bytes]) -> None:
        self._content = aiter(content)
        self.size = 0
        self.digest = hashlib.sha256()

    def __aiter__(self) -> "_Measured":
        return self

    async def __anext__(self) -> bytes:
        piece = await anext(self._content)
        self.size += len(piece)
        if len(piece) > CHUNK:
            await asyncio.to_thread(self.digest.update, piece)
        else:
            self.digest.update(piece)
        return piece


class _AbandonedError(Exception):
    """The content broke: makes the client abort an upload."""


async def _blocks(content: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """The content in blocks of at least ``CHUNK`` (but the last), never empty."""
    waiting = bytearray()
    async for piece in content:
        waiting += piece
        if len(waiting) >= CHUNK:
            yield bytes(waiting)
            waiting.clear()
    if waiting:
        yield bytes(waiting)


async def _fed(feed: "asyncio.Queue[bytes | None]") -> AsyncIterator[bytes]:
    """What is put into the queue: nothing (``b""``) ends it, None breaks it."""
    while (block := await feed.get()) != b"":
        if block is None:
            raise _AbandonedError
        yield block


def _drain(feed: "asyncio.Queue[bytes | None]") -> None:
    while not feed.empty():
        feed.get_nowait()


async def _abandon(feed: "asyncio.Queue[bytes | None]", upload: "asyncio.Future[PutResult]") -> None:
    """Break the upload, and give the client a moment to abort it: a bucket keeps the parts of open ones."""
    _drain(feed)
    feed.put_nowait(None)
    await asyncio.wait({upload}, timeout=_ABANDON_SECONDS)
    if upload.done() and not upload.cancelled():
        upload.exception()
