"""Settings of object storages, and what their errors say."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from segue.adapters.storages import buckets
from segue.adapters.storages.buckets import bucket_storage
from segue.adapters.storages.faults import explain, is_missing
from segue.bootstrap.backends import open_storage
from segue.config import Configuration, ConfigurationError
from segue.config.loader import load
from segue.config.storages import StorageSection
from segue.domain.errors import NotFoundError, UnavailableError

KEYS = {"access-key": "AKIAVERYSECRET", "secret-key": "hush-hush-hush"}


@pytest.fixture
def configure(tmp_path: Any) -> Any:
    """A configuration with a section ``storage``, from a file."""

    def configured(**tree: Any) -> Configuration:
        file = tmp_path / "segue.yml"
        file.write_text(json.dumps({"kestra": {"storage": tree}}))
        return load(file, {}).configuration

    return configured


@pytest.fixture
def section(configure: Any) -> Any:
    """The section alone."""
    return lambda **tree: configure(**tree).storage


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """One retry, so that what fails fails soon."""
    monkeypatch.setattr(buckets, "_RETRY", {"max_retries": 1, "retry_timeout": timedelta(seconds=5)})


def store_of(section: StorageSection) -> Any:
    """The client behind a storage."""
    return bucket_storage(section)._store


@pytest.mark.parametrize(
    ("tree", "key"),
    [
        ({"type": "s3"}, "s3.bucket"),
        ({"type": "minio", "minio": {"bucket": "b"}}, "minio.endpoint"),
        ({"type": "gcs"}, "gcs.bucket"),
        ({"type": "azure"}, "azure.container"),
        ({"type": "azure", "azure": {"container": "c"}}, "azure.endpoint"),
    ],
)
def test_what_a_type_needs(section: Any, tree: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigurationError, match=f"needs `segue.storage.{key}`"):
        section(**tree)


def test_a_key_without_its_secret(section: Any) -> None:
    with pytest.raises(ConfigurationError, match="`access-key` and `secret-key` go together") as caught:
        section(type="s3", s3={"bucket": "b", "access-key": "AKIAVERYSECRET"})
    assert "AKIAVERYSECRET" not in str(caught.value)


def test_an_unknown_type_and_an_unknown_key(section: Any) -> None:
    with pytest.raises(ConfigurationError, match="storage"):
        section(type="tape")
    with pytest.raises(ConfigurationError, match="did you mean `bucket`"):
        section(type="s3", s3={"buckets": "b"})


def test_keys_of_the_original_that_are_not_used(section: Any) -> None:
    section(type="gcs", gcs={"bucket": "b", "project-id": "p"})
    section(type="minio", minio={"bucket": "b", "endpoint": "h", "client-pem": "x"})


@pytest.mark.parametrize(
    ("settings", "endpoint", "virtual"),
    [
        ({}, None, True),
        ({"force-path-style": True}, None, False),
        ({"endpoint": "https://s3.example.com/"}, "https://bucket.s3.example.com", True),
        ({"endpoint": "https://s3.example.com", "force-path-style": True}, "https://s3.example.com", False),
        ({"endpoint": "s3.example.com", "force-path-style": True}, "https://s3.example.com", False),
        ({"endpoint": "http://127.0.0.1:9000"}, "http://127.0.0.1:9000", False),
        ({"endpoint": "http://localhost:9000"}, "http://localhost:9000", False),
    ],
)
def test_addresses_of_s3(section: Any, settings: dict[str, Any], endpoint: str | None, virtual: bool) -> None:
    store = store_of(section(type="s3", s3={"bucket": "bucket", "region": "eu-west-3"} | settings | KEYS))
    assert store.config.get("endpoint") == endpoint
    assert store.config["virtual_hosted_style_request"] == str(virtual).lower()
    assert store.config["region"] == "eu-west-3"
    assert (store.client_options.get("allow_http") == "true") is (endpoint or "").startswith("http:")


@pytest.mark.parametrize(
    ("settings", "endpoint"),
    [
        ({"endpoint": "minio", "port": 9000}, "http://minio:9000"),
        ({"endpoint": "minio", "port": "9000", "secure": "true"}, "https://minio:9000"),
        ({"endpoint": "https://minio.example.com/"}, "https://minio.example.com"),
        ({"endpoint": "http://minio:9001", "port": 9000}, "http://minio:9001"),
        ({"endpoint": "minio.example.com", "secure": True, "vhost": True}, "https://bucket.minio.example.com"),
    ],
)
def test_addresses_of_minio(section: Any, settings: dict[str, Any], endpoint: str) -> None:
    store = store_of(section(type="minio", minio={"bucket": "bucket"} | settings | KEYS))
    assert store.config["endpoint"] == endpoint
    trusting = section(
        type="minio",
        minio={"bucket": "b", "ssl": {"insecure-trust-all-certificates": True}} | settings | KEYS,
    )
    assert store_of(trusting).client_options["allow_invalid_certificates"] == "true"


def test_a_certificate_that_is_none(section: Any) -> None:
    wrong = section(type="minio", minio={"bucket": "b", "endpoint": "h", "ca-pem": "-----BEGIN CERTIFICATE-----\nx"})
    with pytest.raises(ConfigurationError, match=r"segue.storage.minio: these settings cannot be used"):
        bucket_storage(wrong)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            {"endpoint": "https://acme.blob.core.windows.net"},
            ("acme", None, None, "https://acme.blob.core.windows.net"),
        ),
        (
            {"shared-key-account-name": "acme", "shared-key-account-access-key": "a2V5"},
            ("acme", "a2V5", None, None),
        ),
        ({"shared-key-account-name": "acme", "sas-token": "?sv=1&sig=x"}, ("acme", None, "?sv=1&sig=x", None)),
        (
            {
                "connection-string": "DefaultEndpointsProtocol=https;AccountName=acme;AccountKey=a2V5PQ==;"
                "EndpointSuffix=core.chinacloudapi.cn"
            },
            ("acme", "a2V5PQ==", None, "https://acme.blob.core.chinacloudapi.cn"),
        ),
        (
            {"connection-string": "BlobEndpoint=https://acme.blob.core.windows.net;SharedAccessSignature=sv=1&sig=x"},
            ("acme", None, "sv=1&sig=x", "https://acme.blob.core.windows.net"),
        ),
    ],
)
def test_access_to_azure(section: Any, settings: dict[str, Any], expected: tuple[Any, ...]) -> None:
    chosen = section(type="azure", azure={"container": "c"} | settings)
    assert buckets._azure_access(chosen.azure) == expected
    bucket_storage(chosen)


def test_a_connection_string_without_an_account(section: Any) -> None:
    with pytest.raises(ConfigurationError, match="neither AccountName nor BlobEndpoint") as caught:
        bucket_storage(section(type="azure", azure={"container": "c", "connection-string": "AccountKey=hush"}))
    assert "hush" not in str(caught.value)


def test_a_service_account_that_is_none(section: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"segue.storage.gcs") as caught:
        bucket_storage(section(type="gcs", gcs={"bucket": "b", "service-account": '{"private_key": "hush"}'}))
    assert "hush" not in str(caught.value)


async def test_google_with_a_key_that_nobody_asks(section: Any) -> None:
    key = {"gcs_base_url": "http://127.0.0.1:1", "disable_oauth": True, "client_email": "", "private_key": ""}
    text = json.dumps(key | {"private_key_id": ""})
    storage = bucket_storage(section(type="gcs", gcs={"bucket": "b", "service-account": text}))
    with pytest.raises(UnavailableError, match="the bucket b cannot be used: nothing listens there"):
        await storage.start()


async def test_a_server_that_is_not_there(section: Any) -> None:
    storage = bucket_storage(section(type="s3", s3={"bucket": "b", "endpoint": "http://127.0.0.1:1"} | KEYS))
    with pytest.raises(UnavailableError) as caught:
        await storage.start()
    assert str(caught.value) == "the bucket b cannot be used: nothing listens there"
    with pytest.raises(UnavailableError, match="cannot read kestra:///f: nothing listens there"):
        await storage.exists("main", "kestra:///f")


async def test_errors_hold_no_secret(section: Any) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = (await reader.readuntil(b"\r\n\r\n")).decode()
        body = f"<Error><Code>SignatureDoesNotMatch</Code><StringToSign>{asked}</StringToSign></Error>".encode()
        head = f"HTTP/1.1 403 Forbidden\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    places = [
        {"type": "s3", "s3": {"bucket": "b", "endpoint": f"http://127.0.0.1:{port}"} | KEYS},
        {
            "type": "azure",
            "azure": {
                "container": "b",
                "endpoint": f"http://127.0.0.1:{port}/acme",
                "shared-key-account-name": "acme",
                "sas-token": "sv=1&sig=hush-hush-hush",
            },
        },
    ]
    async with server:
        for place in places:
            with pytest.raises(UnavailableError, match="the credentials are refused") as caught:
                await bucket_storage(section(**place)).start()
            assert "SignatureDoesNotMatch" in str(caught.value)
            assert caught.value.__cause__ is None
            assert caught.value.__suppress_context__
            for secret in (*KEYS.values(), "acme"):
                assert secret not in str(caught.value)


async def test_a_download_that_ends_early(section: Any) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = (
            "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nETag: x\r\nLast-Modified: Mon, 23 Nov 2026 00:00:00 GMT\r\n\r\n"
        )
        writer.write(head.encode() + b"x" * 10)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    storage = bucket_storage(section(type="s3", s3={"bucket": "b", "endpoint": endpoint} | KEYS))
    async with server:
        with pytest.raises(UnavailableError, match="kestra:///f"):
            async for _ in storage.get("main", "kestra:///f"):
                pass


def test_reasons() -> None:
    assert is_missing(FileNotFoundError("status code: 404 <Code>NoSuchKey</Code>"))
    assert not is_missing(FileNotFoundError("status code: 404 <Code>NoSuchBucket</Code>"))
    assert explain(FileNotFoundError("<Code>ContainerNotFound</Code>")) == (
        "there is no such bucket or container (ContainerNotFound)"
    )
    assert explain(OSError("status code: 503 Slow <Code>SlowDown</Code>")) == (
        "the server answered SlowDown, HTTP status 503"
    )
    assert explain(OSError("?sig=secret operation timed out")) == "it did not answer in time"
    assert explain(OSError("?sig=secret")) == "OSError"


def test_secrets_are_not_shown(section: Any) -> None:
    chosen = section(type="s3", s3={"bucket": "b", "session-token": "hush-hush"} | KEYS)
    for secret in ("AKIAVERYSECRET", "hush"):
        assert secret not in repr(chosen)
        assert secret not in repr(store_of(chosen))


async def test_the_choice_of_a_server(configure: Any, tmp_path: Any) -> None:
    memory = open_storage(configure(type="memory"), shared=False)
    await memory.start()
    with pytest.raises(NotFoundError):
        await memory.size("main", "kestra:///f")
    with pytest.raises(ConfigurationError, match="`memory` works within one process"):
        open_storage(configure(type="memory"), shared=True)
    local = open_storage(configure(type="local", local={"base-path": str(tmp_path / "files")}), shared=True)
    await local.start()
    assert (tmp_path / "files").is_dir()
