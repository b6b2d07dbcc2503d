"""Object storages keep the contract of internal storage, on servers of their own."""

import asyncio
import hashlib
import itertools
from collections.abc import AsyncIterator
from typing import Any

import boto3
import psutil
import pytest

from segue.adapters.storages.buckets import bucket_storage
from segue.config.loader import load
from segue.config.storages import StorageSection
from segue.domain.errors import IllegalPathError, UnavailableError
from segue.ports.storage import Storage
from segue.testing.bucket_servers import ACCESS_KEY, SECRET_KEY, BucketServer, S3Server
from segue.testing.storages import MEBIBYTE, StorageConformance, content_of, pieces

_numbers = itertools.count()


def section_of(tree: dict[str, Any], tmp: Any) -> StorageSection:
    """The section as a file of the configuration gives it."""
    import yaml

    file = tmp / "segue.yml"
    file.write_text(yaml.safe_dump({"kestra": {"storage": tree}}))
    return load(file, {}).configuration.storage


async def started(tree: dict[str, Any], tmp: Any) -> Storage:
    """The storage of these settings, ready."""
    storage = bucket_storage(section_of(tree, tmp))
    await storage.start()
    return storage


def new_bucket(server: BucketServer) -> str:
    """The name of an empty bucket."""
    name = f"bucket-{next(_numbers)}"
    server.new_bucket(name)
    return name


def _client(server: S3Server) -> Any:
    """The client of Amazon itself."""
    keys = {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY}
    return boto3.client("s3", endpoint_url=server.address, region_name="us-east-1", **keys)


class ObjectConformance(StorageConformance):
    """What holds for buckets besides."""

    async def test_names_of_all_kinds(self, storage: Storage) -> None:
        names = ["a b", "a%20b", "a#b?c*", "x&y=z+", "~", "日本", "a:b", "[x]{y}|`^\"'", " .x", "<a>"]
        for name in names:
            await storage.put("main", f"kestra:///names/{name}", pieces(name.encode()))
        for name in names:
            assert await content_of(storage, f"kestra:///names/{name}") == name.encode()
        found = await storage.entries("main", "kestra:///names")
        assert sorted(file.uri for file in found) == sorted(f"kestra:///names/{name}" for name in names)

    async def test_parts_arrive_in_order(self, storage: Storage) -> None:
        blocks = [bytes([number]) * (MEBIBYTE + number) for number in range(27)]
        written = await storage.put("main", "kestra:///parts", pieces(*blocks))
        assert written.size == await storage.size("main", "kestra:///parts") == sum(map(len, blocks))
        assert await content_of(storage, "kestra:///parts") == b"".join(blocks)
        assert await content_of(storage, "kestra:///parts", 20 * MEBIBYTE) == b"".join(blocks)[20 * MEBIBYTE :]

    async def test_a_large_upload_that_breaks(self, storage: Storage) -> None:
        async def broken() -> AsyncIterator[bytes]:
            for _ in range(20):
                yield b"x" * MEBIBYTE
            raise ConnectionError("gone")

        with pytest.raises(ConnectionError):
            await storage.put("main", "kestra:///f", broken())
        assert not await storage.exists("main", "kestra:///f")

    async def test_keys_that_are_too_long(self, storage: Storage) -> None:
        with pytest.raises(IllegalPathError, match="too long"):
            await storage.put("main", "kestra:///" + "/".join(["x" * 200] * 6), pieces(b"x"))

    async def test_many_files_are_deleted_page_by_page(self, storage: Storage) -> None:
        async def write(first: int) -> None:
            for number in range(first, first + 60):
                await storage.put("main", f"kestra:///many/{number}", pieces(b"x"))

        await asyncio.gather(*(write(first) for first in range(0, 1200, 60)))
        assert len(await storage.entries("main", "kestra:///many", limit=5000)) == 1200
        assert await storage.delete_below("main", "kestra:///many") == 1200
        assert await storage.entries("main", "kestra:///many") == []


class TestMemory(ObjectConformance):
    @pytest.fixture
    async def storage(self, tmp_path: Any) -> Storage:
        return await started({"type": "memory"}, tmp_path)


class TestS3(ObjectConformance):
    @pytest.fixture
    async def storage(self, s3_server: S3Server, tmp_path: Any) -> Storage:
        return await started(s3_server.section(new_bucket(s3_server), "some/folder/"), tmp_path)

    async def test_where_objects_lie(self, s3_server: S3Server, tmp_path: Any) -> None:
        bucket = new_bucket(s3_server)
        storage = await started(s3_server.section(bucket, "/top/"), tmp_path)
        await storage.put("main", "kestra:///company/team/_files/a.txt", pieces(b"here"))
        found = _client(s3_server).get_object(Bucket=bucket, Key="top/main/company/team/_files/a.txt")
        assert found["Body"].read() == b"here"

    async def test_no_upload_stays_open(self, s3_server: S3Server, tmp_path: Any) -> None:
        bucket = new_bucket(s3_server)
        storage = await started(s3_server.section(bucket), tmp_path)
        begun = asyncio.Event()

        async def stuck() -> AsyncIterator[bytes]:
            for _ in range(20):
                yield b"x" * MEBIBYTE
            begun.set()
            await asyncio.sleep(60)

        task = asyncio.create_task(storage.put("main", "kestra:///f", stuck()))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert "Uploads" not in _client(s3_server).list_multipart_uploads(Bucket=bucket)
        assert not await storage.exists("main", "kestra:///f")

    async def test_as_minio(self, s3_server: S3Server, tmp_path: Any) -> None:
        keys = {"access-key": ACCESS_KEY, "secret-key": SECRET_KEY}
        place = {"endpoint": "127.0.0.1", "port": str(s3_server.port), "secure": False}
        tree = {"type": "minio", "minio": {"bucket": new_bucket(s3_server), **place, **keys}}
        storage = await started(tree, tmp_path)
        await storage.put("main", "kestra:///f", pieces(b"x"))
        assert await content_of(storage, "kestra:///f") == b"x"

    async def test_with_a_role(self, s3_server: S3Server, tmp_path: Any) -> None:
        tree = s3_server.section(new_bucket(s3_server))
        tree["s3"] |= {
            "sts-role-arn": "arn:aws:iam::123456789012:role/segue",
            "sts-role-external-id": "external",
            "sts-role-session-duration": "PT15M",
            "sts-endpoint-override": s3_server.address,
        }
        storage = await started(tree, tmp_path)
        await storage.put("main", "kestra:///f", pieces(b"x"))
        assert await content_of(storage, "kestra:///f") == b"x"

    async def test_with_keys_of_the_environment(
        self, s3_server: S3Server, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tree = s3_server.section(new_bucket(s3_server))
        del tree["s3"]["access-key"], tree["s3"]["secret-key"]
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        storage = await started(tree, tmp_path)
        await storage.put("main", "kestra:///f", pieces(b"x"))

    async def test_a_bucket_that_is_not_there(self, s3_server: S3Server, tmp_path: Any) -> None:
        with pytest.raises(UnavailableError, match=r"the bucket nowhere cannot be used: there is no such bucket"):
            await started(s3_server.section("nowhere"), tmp_path)
        storage = bucket_storage(section_of(s3_server.section("nowhere"), tmp_path))
        with pytest.raises(UnavailableError, match="NoSuchBucket"):
            await storage.put("main", "kestra:///f", pieces(b"x"))
        with pytest.raises(UnavailableError, match="NoSuchBucket"):
            await storage.put("main", "kestra:///f", pieces(*[b"x" * MEBIBYTE] * 40))


class TestAzure(ObjectConformance):
    @pytest.fixture
    async def storage(self, azure_server: BucketServer, tmp_path: Any) -> Storage:
        return await started(azure_server.section(new_bucket(azure_server), "some/folder"), tmp_path)


class TestMemoryBound:
    """A large file is never whole in memory."""

    @pytest.mark.parametrize("kind", ["s3", "azure"])
    async def test_a_large_file_there_and_back(self, kind: str, request: pytest.FixtureRequest, tmp_path: Any) -> None:
        server: BucketServer = request.getfixturevalue(f"{kind}_server")
        storage = await started(server.section(new_bucket(server)), tmp_path)
        block = bytes(range(256)) * 4096
        rss = psutil.Process().memory_info
        before, peak = rss().rss, 0

        async def content() -> AsyncIterator[bytes]:
            nonlocal peak
            for _ in range(300):
                peak = max(peak, rss().rss)
                yield block

        written = await storage.put("main", "kestra:///large", content())
        assert written.size == 300 * MEBIBYTE
        digest, size = hashlib.sha256(), 0
        async for chunk in storage.get("main", "kestra:///large"):
            peak = max(peak, rss().rss)
            digest.update(chunk)
            size += len(chunk)
        assert (size, digest.hexdigest()) == (written.size, written.digest)
        print(f"grew by {(peak - before) // MEBIBYTE} MiB")
        assert peak - before < 100 * MEBIBYTE, f"grew by {(peak - before) // MEBIBYTE} MiB"
