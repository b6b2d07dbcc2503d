"""From the section ``storage`` of the configuration to the bucket it names (server document 3.2).

Keys that the configuration holds are used alone. Those of the environment are the client's to find, and only
where the configuration has none: half of each would be refused.
"""

import asyncio
import ipaddress
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, MemoryStore, S3Store

from segue.adapters.storages.objects import ObjectStorage
from segue.config.errors import ConfigurationError
from segue.config.storages import (
    AzureStorageSection,
    GcsStorageSection,
    MinioStorageSection,
    S3StorageSection,
    StorageSection,
    StorageType,
)
from segue.domain.errors import UnavailableError

if TYPE_CHECKING:
    from obstore.store import AzureConfig, ClientConfig, RetryConfig, S3Config, S3Credential, S3CredentialProvider

_RETRY: "RetryConfig" = {
    "max_retries": 4,
    "backoff": {"init_backoff": timedelta(milliseconds=200), "max_backoff": timedelta(seconds=5), "base": 2},
    "retry_timeout": timedelta(minutes=2),
}
_CONNECT_FOR = timedelta(seconds=10)
_SILENT_FOR = timedelta(seconds=60)
_REQUEST_FOR = timedelta(days=1)
"""A whole download at most: what is stuck is noticed by its silence."""


def bucket_storage(section: StorageSection) -> ObjectStorage:
    """The storage that ``section`` names, of any type but ``local``.

    Raises ``ConfigurationError`` when the client cannot use the settings; values are not repeated in it.
    """
    try:
        return _open(section)
    except (BaseError, ValueError) as error:
        raise ConfigurationError(
            f"segue.storage.{section.type.value}: these settings cannot be used ({type(error).__name__}); "
            "look at the form of addresses, keys and certificates"
        ) from None


def _open(section: StorageSection) -> ObjectStorage:
    match section.type:
        case StorageType.S3:
            return _s3(section.s3)
        case StorageType.MINIO:
            return _minio(section.minio)
        case StorageType.GCS:
            return _gcs(section.gcs)
        case StorageType.AZURE:
            return _azure(section.azure)
        case StorageType.MEMORY:
            return ObjectStorage(MemoryStore(), "the storage in memory")
        case StorageType.LOCAL:
            raise ValueError("local files are no bucket")


def _s3(section: S3StorageSection) -> ObjectStorage:
    bucket = section.bucket or ""
    config: S3Config = {}
    if section.region:
        config["region"] = section.region
    endpoint = section.endpoint
    if endpoint:
        endpoint = endpoint if "://" in endpoint else f"https://{endpoint}"
        # As the clients of Amazon do: a host without a name cannot have a bucket before it.
        virtual = not section.force_path_style and _is_name(endpoint)
        _place(config, endpoint, bucket, virtual=virtual)
    else:
        config["virtual_hosted_style_request"] = not section.force_path_style and "." not in bucket
    provider = _assumed(section) if section.sts_role_arn else _keys(section, section.session_token)
    store = S3Store(
        bucket, config=config, client_options=_client(endpoint), retry_config=_RETRY, credential_provider=provider
    )
    return ObjectStorage(store, f"the bucket {bucket}", path=section.path, part_size=section.part_size)


def _minio(section: MinioStorageSection) -> ObjectStorage:
    bucket, endpoint = section.bucket or "", section.endpoint or ""
    if "://" not in endpoint:
        endpoint = f"{'https' if section.secure else 'http'}://{endpoint}"
    endpoint = endpoint.rstrip("/")
    if section.port is not None and urlsplit(endpoint).port is None:
        endpoint = f"{endpoint}:{section.port}"
    config: S3Config = {"region": section.region or "us-east-1"}
    _place(config, endpoint, bucket, virtual=section.vhost)
    client = _client(endpoint)
    if section.ssl.insecure_trust_all_certificates:
        client["allow_invalid_certificates"] = True
    if section.ca_pem:
        client["root_certificate"] = section.ca_pem
    store = S3Store(
        bucket, config=config, client_options=client, retry_config=_RETRY, credential_provider=_keys(section, None)
    )
    return ObjectStorage(store, f"the bucket {bucket}", path=section.path, part_size=section.part_size)


def _gcs(section: GcsStorageSection) -> ObjectStorage:
    bucket = section.bucket or ""
    account = section.service_account
    client = _client(None)
    if account is not None and '"gcs_base_url"' in account.get_secret_value():  # a key made for an emulator
        client["allow_http"] = True
    store = GCSStore(
        bucket,
        config={"service_account_key": account.get_secret_value()} if account else {},
        client_options=client,
        retry_config=_RETRY,
    )
    return ObjectStorage(store, f"the bucket {bucket}", path=section.path)


def _azure(section: AzureStorageSection) -> ObjectStorage:
    container = section.container or ""
    account, key, signature, endpoint = _azure_access(section)
    config: AzureConfig = {"account_name": account}
    if endpoint:
        config["endpoint"] = endpoint.rstrip("/")
    if key:
        config |= {"account_key": key, "credential_type": "access_key"}
    elif signature:
        config |= {"sas_key": signature.removeprefix("?"), "credential_type": "sas_token"}
    store = AzureStore(container, config=config, client_options=_client(endpoint), retry_config=_RETRY)
    return ObjectStorage(store, f"the container {container}", path=section.path)


def _azure_access(section: AzureStorageSection) -> tuple[str, str | None, str | None, str | None]:
    """Name of the account, its key, a signature, the endpoint."""
    if section.connection_string is None:
        key, signature = section.shared_key_account_access_key, section.sas_token
        host = urlsplit(section.endpoint or "").hostname or ""
        return (
            section.shared_key_account_name or host.partition(".")[0],
            key.get_secret_value() if key else None,
            signature.get_secret_value() if signature else None,
            section.endpoint,
        )
    parts = dict(
        part.strip().split("=", 1) for part in section.connection_string.get_secret_value().split(";") if "=" in part
    )
    endpoint = parts.get("BlobEndpoint")
    account = parts.get("AccountName") or (urlsplit(endpoint or "").hostname or "").partition(".")[0]
    if not account:
        raise ConfigurationError("segue.storage.azure.connection-string: it has neither AccountName nor BlobEndpoint")
    if endpoint is None and "EndpointSuffix" in parts:
        endpoint = f"{parts.get('DefaultEndpointsProtocol', 'https')}://{account}.blob.{parts['EndpointSuffix']}"
    return account, parts.get("AccountKey"), parts.get("SharedAccessSignature"), endpoint


def _client(endpoint: str | None) -> "ClientConfig":
    client: ClientConfig = {"connect_timeout": _CONNECT_FOR, "read_timeout": _SILENT_FOR, "timeout": _REQUEST_FOR}
    if endpoint is not None and endpoint.lower().startswith("http://"):
        client["allow_http"] = True
    return client


def _place(config: "S3Config", endpoint: str, bucket: str, *, virtual: bool) -> None:
    """Where the requests go: the client takes a host with the bucket in it, or the bucket in the path."""
    scheme, _, rest = endpoint.rstrip("/").partition("://")
    config["endpoint"] = f"{scheme}://{bucket}.{rest}" if virtual else f"{scheme}://{rest}"
    config["virtual_hosted_style_request"] = virtual


def _is_name(endpoint: str) -> bool:
    host = urlsplit(endpoint).hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host not in {"", "localhost"}
    return False


def _keys(section: Any, token: Any) -> "S3CredentialProvider | None":
    """The keys of the configuration; None leaves it to the environment."""
    if section.access_key is None:
        return None
    found: S3Credential = {
        "access_key_id": section.access_key.get_secret_value(),
        "secret_access_key": section.secret_key.get_secret_value(),
        "token": token.get_secret_value() if token else None,
        "expires_at": None,
    }
    return lambda: found


def _assumed(section: S3StorageSection) -> "S3CredentialProvider":
    """Sessions of a role, asked for with the keys of the section or of the environment; renewed before they end."""
    try:
        import boto3
    except ImportError as error:
        raise UnavailableError(
            "segue.storage.s3.sts-role-arn needs the client boto3: install the extra, pip install 'segue[objects-sts]'"
        ) from error

    wanted: dict[str, Any] = {"RoleArn": section.sts_role_arn, "RoleSessionName": section.sts_role_session_name}
    if section.sts_role_external_id is not None:
        wanted["ExternalId"] = section.sts_role_external_id.get_secret_value()
    if section.sts_role_session_duration is not None:
        wanted["DurationSeconds"] = int(section.sts_role_session_duration.total_seconds())
    keys = _keys(section, section.session_token)
    known: Any = keys() if keys else {}
    sts = boto3.session.Session(
        known.get("access_key_id"), known.get("secret_access_key"), known.get("token"), section.region
    ).client("sts", endpoint_url=section.sts_endpoint_override, region_name=section.region or "us-east-1")

    async def session() -> "S3Credential":
        found = (await asyncio.to_thread(sts.assume_role, **wanted))["Credentials"]
        return {
            "access_key_id": found["AccessKeyId"],
            "secret_access_key": found["SecretAccessKey"],
            "token": found["SessionToken"],
            "expires_at": found["Expiration"].astimezone(UTC),
        }

    return session
