"""Every internal storage keeps the contract."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from segue.adapters.storages.local import LocalStorage
from segue.domain.errors import IllegalPathError, UnavailableError
from segue.ports.storage import Storage
from segue.testing.storages import StorageConformance, content_of, pieces


class TestLocal(StorageConformance):
    @pytest.fixture
    async def storage(self, tmp_path: Path) -> AsyncIterator[Storage]:
        storage = LocalStorage(tmp_path / "storage")
        await storage.start()
        yield storage
        await storage.stop()

    async def test_links_do_not_lead_out(self, storage: Storage, tmp_path: Path) -> None:
        secret = tmp_path / "secret"
        secret.write_text("secret")
        await storage.put("main", "kestra:///f", pieces(b"x"))
        (tmp_path / "storage" / "main" / "link").symlink_to(tmp_path)
        (tmp_path / "storage" / "linked").symlink_to(tmp_path)
        with pytest.raises(IllegalPathError):
            await content_of(storage, "kestra:///link/secret")
        with pytest.raises(IllegalPathError):
            await storage.put("main", "kestra:///link/new", pieces(b"x"))
        with pytest.raises(IllegalPathError):
            await storage.delete_below("main", "kestra:///link")
        with pytest.raises(IllegalPathError):
            await content_of(storage, "kestra:///secret", tenant="linked")
        assert await storage.delete_below("main", "kestra:///") == 2
        assert secret.read_text() == "secret"

    async def test_nothing_half_written_stays(self, storage: Storage, tmp_path: Path) -> None:
        async def broken() -> AsyncIterator[bytes]:
            yield b"x"
            raise ConnectionError("gone")

        with pytest.raises(ConnectionError):
            await storage.put("main", "kestra:///a/f", broken())
        await storage.put("main", "kestra:///b", pieces(b"x"))
        assert await storage.delete("main", "kestra:///b")
        assert [path for path in (tmp_path / "storage").rglob("*") if path.is_file()] == []


async def test_a_root_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UnavailableError):
        await LocalStorage(tmp_path / "file" / "below").start()
