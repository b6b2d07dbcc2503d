"""Private object storages for tests: S3 (moto) and Azure (Azurite), where installed.

Each is a process of its own on a free port; ``section`` is what the configuration says below ``storage``.
"""

import base64
import hashlib
import hmac
import importlib.util
import os
import shutil
import sys
from email.utils import formatdate
from typing import Any

import httpx

from segue.testing.servers import MissingServerError, Server

AZURITE_ACCOUNT = "devstoreaccount1"
AZURITE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The published account of the emulator."""

ACCESS_KEY = "AKIASEGUETESTS000000"
SECRET_KEY = "the-secret-of-the-tests"  # noqa: S105  made up, and shown to a private server only


class BucketServer(Server):
    """A server of buckets that speaks HTTP."""

    scheme = "http"

    @property
    def address(self) -> str:
        """``http://127.0.0.1:port``."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def new_bucket(self, name: str) -> None:
        """Make a bucket. Raises ``httpx.HTTPError`` when the server does not."""
        raise NotImplementedError

    def section(self, bucket: str, path: str = "") -> dict[str, Any]:
        """The tree below ``storage``."""
        raise NotImplementedError


class S3Server(BucketServer):
    """S3 as moto serves it."""

    def __init__(self) -> None:
        if importlib.util.find_spec("moto") is None or importlib.util.find_spec("flask") is None:
            raise MissingServerError("moto is not installed (pip install 'moto[server]')")
        super().__init__()
        self.url = self.address

    def command(self) -> list[str]:
        """See ``Server.command``."""
        return [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]

    def new_bucket(self, name: str) -> None:
        """See ``BucketServer.new_bucket``."""
        httpx.put(f"{self.address}/{name}", timeout=30).raise_for_status()

    def section(self, bucket: str, path: str = "") -> dict[str, Any]:
        """See ``BucketServer.section``."""
        keys = {"access-key": ACCESS_KEY, "secret-key": SECRET_KEY, "region": "us-east-1", "force-path-style": True}
        return {"type": "s3", "s3": {"bucket": bucket, "path": path, "endpoint": self.address, **keys}}


class AzureServer(BucketServer):
    """Azure Blob Storage as Azurite serves it."""

    def __init__(self) -> None:
        program = os.environ.get("SEGUE_AZURITE") or shutil.which("azurite-blob")
        if program is None:
            raise MissingServerError("azurite-blob is not installed (npm install azurite, SEGUE_AZURITE names it)")
        super().__init__()
        self._program = program
        self.url = f"{self.address}/{AZURITE_ACCOUNT}"

    def command(self) -> list[str]:
        """See ``Server.command``."""
        place = ["--blobHost", "127.0.0.1", "--blobPort", str(self.port), "--location", str(self.folder)]
        return [self._program, *place, "--silent", "--skipApiVersionCheck", "--disableTelemetry"]

    def new_bucket(self, name: str) -> None:
        """See ``BucketServer.new_bucket``."""
        date, version = formatdate(usegmt=True), "2021-08-06"
        headers = f"x-ms-date:{date}\nx-ms-version:{version}\n"
        text = f"PUT{chr(10) * 12}{headers}/{AZURITE_ACCOUNT}/{AZURITE_ACCOUNT}/{name}\nrestype:container"
        digest = hmac.new(base64.b64decode(AZURITE_KEY), text.encode(), hashlib.sha256).digest()
        signature = f"SharedKey {AZURITE_ACCOUNT}:{base64.b64encode(digest).decode()}"
        httpx.put(
            f"{self.url}/{name}?restype=container",
            headers={"x-ms-date": date, "x-ms-version": version, "Authorization": signature},
            timeout=30,
        ).raise_for_status()

    def section(self, bucket: str, path: str = "") -> dict[str, Any]:
        """See ``BucketServer.section``."""
        account = {"shared-key-account-name": AZURITE_ACCOUNT, "shared-key-account-access-key": AZURITE_KEY}
        return {"type": "azure", "azure": {"container": bucket, "path": path, "endpoint": self.url, **account}}
