"""Where the files of internal storage lie: the section ``storage`` (server document 3.2)."""

from enum import StrEnum
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from segue.config.values import Duration, Size


class StorageType(StrEnum):
    """Which storage holds the files of executions and namespaces."""

    LOCAL = "local"
    S3 = "s3"
    MINIO = "minio"
    GCS = "gcs"
    AZURE = "azure"
    MEMORY = "memory"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)


class LocalStorageSection(_Section):
    """Files in a folder."""

    base_path: Path | None = Field(default=None, description="The folder; without it `storage` in the data directory.")


class _BucketSection(_Section):
    bucket: str | None = Field(default=None, min_length=1, description="Name of the bucket; it must be there.")
    path: str = Field(default="", description="Folder in it below which everything lies; without it the top.")


class _KeyedSection(_BucketSection):
    access_key: SecretStr | None = Field(
        default=None,
        description="Access key, together with `secret-key`; without them the environment is asked "
        "(`AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, web identity, container and instance roles).",
    )
    secret_key: SecretStr | None = Field(default=None, description="Its secret.")

    @model_validator(mode="after")
    def _both_keys(self) -> Self:
        if (self.access_key is None) != (self.secret_key is None):
            raise ValueError("`access-key` and `secret-key` go together")
        return self


class S3StorageSection(_KeyedSection):
    """A bucket of Amazon S3, or of what speaks its protocol (`endpoint`)."""

    region: str | None = Field(
        default=None, description="Region of the bucket; otherwise `AWS_REGION`, or `us-east-1`."
    )
    session_token: SecretStr | None = Field(default=None, description="Token of temporary keys.")
    endpoint: str | None = Field(default=None, description="`http(s)://host[:port]` of a server that is not Amazon's.")
    force_path_style: bool = Field(
        default=False, description="The bucket is in the path of addresses and not in the host (most other servers)."
    )
    part_size: Size = Field(
        default=8 * 1024**2,
        ge=5 * 1024**2,
        le=512 * 1024**2,
        description="A larger file is sent in parts of this size, of which a bucket takes 10,000.",
    )
    sts_role_arn: str | None = Field(
        default=None, description="Role to assume with the keys (needs the package `boto3`)."
    )
    sts_role_session_name: str = Field(default="segue", description="Name of its sessions.")
    sts_role_external_id: SecretStr | None = Field(default=None, description="Its external id.")
    sts_role_session_duration: Duration | None = Field(default=None, description="How long one session holds.")
    sts_endpoint_override: str | None = Field(default=None, description="Address of the STS server.")


class MinioSslSection(_Section):
    """Certificates of the MinIO server."""

    insecure_trust_all_certificates: bool = Field(default=False, description="`true` trusts any certificate.")


class MinioStorageSection(_KeyedSection):
    """A bucket of MinIO."""

    endpoint: str | None = Field(default=None, description="Host, or `http(s)://host[:port]`.")
    port: int | None = Field(default=None, ge=1, le=65535, description="Its port.")
    secure: bool = Field(default=False, description="TLS, where `endpoint` names only a host.")
    region: str | None = Field(default=None, description="Region, where the server has one.")
    vhost: bool = Field(default=False, description="The bucket is in the host of addresses and not in the path.")
    part_size: Size = Field(
        default=8 * 1024**2,
        ge=5 * 1024**2,
        le=512 * 1024**2,
        description="A larger file is sent in parts of this size, of which a bucket takes 10,000.",
    )
    ca_pem: str | None = Field(
        default=None, description="Certificate (PEM) of the authority to trust besides the known."
    )
    ssl: MinioSslSection = MinioSslSection()


class GcsStorageSection(_BucketSection):
    """A bucket of Google Cloud Storage."""

    service_account: SecretStr | None = Field(
        default=None,
        description="JSON of the key of a service account; without it the application default credentials.",
    )


class AzureStorageSection(_Section):
    """A container of Azure Blob Storage."""

    container: str | None = Field(default=None, min_length=1, description="Name of the container; it must be there.")
    path: str = Field(default="", description="Folder in it below which everything lies; without it the top.")
    endpoint: str | None = Field(default=None, description="`https://ACCOUNT.blob.core.windows.net`, or another.")
    connection_string: SecretStr | None = Field(default=None, description="Connection string, in place of all others.")
    shared_key_account_name: str | None = Field(
        default=None, description="Name of the account; without it the first part of the host of `endpoint`."
    )
    shared_key_account_access_key: SecretStr | None = Field(default=None, description="Key of the account.")
    sas_token: SecretStr | None = Field(
        default=None,
        description="Shared access signature. Without any of these the environment is asked (`AZURE_CLIENT_ID`, "
        "workload and managed identities).",
    )


class StorageSection(_Section):
    """Internal storage."""

    type: StorageType = Field(
        default=StorageType.LOCAL,
        description="`local`, `s3`, `minio`, `gcs`, `azure`, or `memory` (one process, and gone with it).",
    )
    local: LocalStorageSection = LocalStorageSection()
    s3: S3StorageSection = S3StorageSection()
    minio: MinioStorageSection = MinioStorageSection()
    gcs: GcsStorageSection = GcsStorageSection()
    azure: AzureStorageSection = AzureStorageSection()

    @model_validator(mode="after")
    def _place(self) -> Self:
        needed: dict[StorageType, dict[str, object]] = {
            StorageType.S3: {"s3.bucket": self.s3.bucket},
            StorageType.MINIO: {"minio.bucket": self.minio.bucket, "minio.endpoint": self.minio.endpoint},
            StorageType.GCS: {"gcs.bucket": self.gcs.bucket},
            StorageType.AZURE: {
                "azure.container": self.azure.container,
                "azure.endpoint": self.azure.endpoint
                or self.azure.connection_string
                or self.azure.shared_key_account_name,
            },
        }
        for key, value in needed.get(self.type, {}).items():
            if not value:
                raise ValueError(f"the type `{self.type.value}` needs `segue.storage.{key}`")
        return self
