"""The sections of the configuration, with defaults and meanings.

Keys are written in kebab-case (``base-path``) or camelCase (``basePath``) below ``segue`` or ``kestra``.
The field descriptions are the reference page (``segue docs build``).
"""

from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from segue.config.datasources import DataSource
from segue.config.expression_limits import expression_limit
from segue.config.plugin_sections import PluginsSection, TasksSection
from segue.config.storages import StorageSection
from segue.config.values import Duration, Names, Size
from segue.domain.namespaces import NamespaceAccess
from segue.expr import Dialect, Limits, dialect_named


class QueueType(StrEnum):
    """Which broker wakes people up."""

    MEMORY = "memory"
    SQL = "sql"
    SQLITE = "sqlite"
    POSTGRES = "postgres"
    REDIS = "redis"


class RepositoryType(StrEnum):
    """Which database holds the data."""

    SQLITE = "sqlite"
    POSTGRES = "postgres"


class Section(BaseModel):
    """Base of all sections: read-only, and strict about its keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)


class QueueSection(Section):
    """The queue. It holds nothing that the database does not hold too, so any of them is safe."""

    type: QueueType = Field(
        default=QueueType.MEMORY,
        description="`memory` (one process), `sql` (as its data source), `sqlite`, `postgres`, `redis`.",
    )
    datasource: str | None = Field(
        default=None,
        description="Name of the data source of an SQL queue; without it the one that holds the data.",
    )
    prefix: str = Field(default="segue", description="First part of the names used in Redis.")


class RepositorySection(Section):
    """The database that holds all data."""

    type: RepositoryType = Field(default=RepositoryType.SQLITE, description="`sqlite` or `postgres`.")
    datasource: str | None = Field(
        default=None,
        description="Name of the data source; without it the one named like the type. "
        "SQLite needs none: its file is `segue.db` in the data directory.",
    )


class RedisSection(Section):
    """The Redis server of the queue."""

    url: str = Field(
        default="redis://127.0.0.1:6379/0",
        repr=False,
        description="`redis://[user:password@]host:port/database`, or `rediss://` for TLS.",
    )


class BasicAuthSection(Section):
    """Credentials of the REST API."""

    enabled: bool = Field(default=True, description="`false` ignores the credentials below.")
    username: str | None = Field(default=None, description="User name (in the original an e-mail address).")
    password: SecretStr | None = Field(default=None, description="Password.")
    open_urls: Names = Field(
        default=("/ping", "/api/v1/executions/webhook/", "/api/v1/main/executions/webhook/"),
        description="Prefixes of paths that need no credentials.",
    )

    @property
    def credentials(self) -> tuple[str, str] | None:
        """User name and password when both are set and the section is enabled."""
        if not self.enabled or self.username is None or self.password is None:
            return None
        return self.username, self.password.get_secret_value()


class ServerSection(Section):
    """The HTTP server and what holds for every process."""

    host: str = Field(
        default="127.0.0.1",
        description="Address to listen on. One beyond this machine needs credentials (`basic-auth`).",
    )
    port: int = Field(default=8080, ge=0, le=65535, description="Port of the REST API; 0 takes a free one.")
    management_port: int = Field(
        default=8081, ge=0, le=65535, description="Port of health, version and metrics; 0 takes a free one."
    )
    max_request_size: Size = Field(
        default=64 * 1024**2, ge=1024, description="Largest body of a request; files are streamed."
    )
    basic_auth: BasicAuthSection = BasicAuthSection()
    termination_grace_period: Duration = Field(
        default=timedelta(minutes=5),
        description="How long running tasks may take to end when a worker stops.",
    )


class ControllerSection(Section):
    """The gRPC server that workers connect to."""

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=50051, ge=0, le=65535, description="Its port; 0 takes a free one.")
    registration_token: SecretStr | None = Field(
        default=None,
        description="When set, workers must show it (`worker.registration-token`). Needed beyond this machine.",
    )


class Endpoint(Section):
    """One controller."""

    host: str = Field(default="localhost", description="Host name or address.")
    port: int = Field(default=50051, ge=1, le=65535, description="gRPC port.")


class StaticControllersSection(Section):
    """Controllers by address."""

    endpoints: tuple[Endpoint, ...] = Field(default=(Endpoint(),), description="List of `host` and `port`.")


class ControllersSection(Section):
    """Where a worker finds its controllers."""

    static: StaticControllersSection = StaticControllersSection()


class PythonSection(Section):
    """Python scripts that run on the worker's machine."""

    warm_interpreters: int = Field(
        default=4, ge=0, le=64, description="Interpreters kept ready at the same time; 0: every script starts its own."
    )
    idle_time: Duration = Field(
        default=timedelta(minutes=5), description="How long an interpreter is kept ready that no script uses."
    )
    cache_path: Path | None = Field(
        default=None, description="Folder of the environments with dependencies; without it in the user's cache folder."
    )
    cache_size: Size = Field(
        default=10 * 1024**3, ge=0, description="What the environments may take; those unused for longest are removed."
    )


class WorkerSection(Section):
    """The worker."""

    name: str | None = Field(default=None, description="Shown in lists; without it the host's name.")
    threads: int = Field(
        default=64, ge=0, le=4096, description="Tasks at the same time; 0 starts no worker in standalone."
    )
    queues: Names = Field(default=("default",), description="Worker queues this worker takes jobs from.")
    registration_token: SecretStr | None = Field(
        default=None, description="What the worker shows to controllers; in standalone that of the controller."
    )
    environment: Names = Field(
        default=(),
        description="Environment variables of the server that the tasks of its own worker may see, besides those that "
        "programs need to run: names, or beginnings such as `AWS_*`.",
    )
    controllers: ControllersSection = ControllersSection()
    python: PythonSection = PythonSection()


class VariablesSection(Section):
    """What expressions see besides the flow."""

    env_vars_prefix: str = Field(
        default="ENV_", description="Environment variables with this prefix appear under `envs`."
    )
    globals: dict[str, Any] = Field(default_factory=dict, description="The map `globals` of expressions.")
    cache_size: int = Field(default=1000, ge=1, description="Compiled expressions kept in memory.")


class ExpressionLimitsSection(Section):
    """Bounds of one rendering of an expression; an error names the one that was reached."""

    max_template_length: int = expression_limit("max_template_length")
    max_depth: int = expression_limit("max_depth", at_most=200)
    max_steps: int = expression_limit("max_steps")
    max_seconds: float = expression_limit("max_seconds")
    max_output_length: int = expression_limit("max_output_length")
    max_total_length: int = expression_limit("max_total_length")
    max_range: int = expression_limit("max_range")
    max_render_depth: int = expression_limit("max_render_depth", at_most=32)
    max_render_passes: int = expression_limit("max_render_passes")
    max_integer_bits: int = expression_limit("max_integer_bits", at_most=14_000)
    max_regex_length: int = expression_limit("max_regex_length")
    max_regex_input: int = expression_limit("max_regex_input")
    max_regex_seconds: float = expression_limit("max_regex_seconds")
    max_jq_seconds: float = expression_limit("max_jq_seconds")
    max_document_length: int = expression_limit("max_document_length")
    max_format_width: int = expression_limit("max_format_width")
    max_format_length: int = expression_limit("max_format_length")

    @property
    def limits(self) -> Limits:
        """As the expression language takes them."""
        return Limits(**self.model_dump())


class SecretType(StrEnum):
    """Where secrets come from."""

    ENV = "env"


class EnvironmentSecretsSection(Section):
    """Secrets in environment variables."""

    prefix: str = Field(
        default="SECRET_",
        min_length=1,
        description="`secret('NAME')` is the variable of this prefix and the name in upper case, in base64.",
    )


class SecretSection(Section):
    """What the function `secret` of expressions finds."""

    type: SecretType = Field(default=SecretType.ENV, description="`env`: variables of the control plane's processes.")
    env: EnvironmentSecretsSection = EnvironmentSecretsSection()


class EncryptionSection(Section):
    """Encryption of SECRET inputs and outputs."""

    secret_key: SecretStr | None = Field(
        default=None,
        description="Base64 of 32 (16, 24) random bytes, the same for all processes of the control plane. Without it a "
        "server on SQLite makes one in `encryption.key` of its data folder; with another database flows with "
        "SECRET inputs cannot be started. Keep it: what was encrypted cannot be read with another.",
    )


class NamespacesSection(Section):
    """What namespaces may use of each other."""

    access: NamespaceAccess = Field(
        default=NamespaceAccess.ALL,
        description="From which namespaces a flow may take secrets, KV values and namespace files: `all` of its "
        "tenant, `hierarchy` (its own, those above and below), `ancestors` (its own and those above).",
    )


class HttpFunctionSection(Section):
    """The function `http` of expressions, in tasks and in the defaults and options of inputs."""

    enabled: bool = Field(default=True, description="`false`: expressions cannot make HTTP calls.")
    timeout: Duration = Field(default=timedelta(seconds=30), description="Longest silence of the other side.")
    connect_timeout: Duration = Field(default=timedelta(seconds=10), description="Longest time to connect.")
    max_response_size: Size = Field(default=10 * 1024**2, ge=1, description="Largest answer.")


class ExpressionsSection(Section):
    """The expression language."""

    dialect: Dialect = Field(
        default=Dialect.V2,
        description="`1.x` or `2.0`: how expressions are read in flows that fit both releases "
        "(see the reference of expressions; flows that only one release could read are read as that one does).",
    )
    http: HttpFunctionSection = HttpFunctionSection()

    limits: ExpressionLimitsSection = ExpressionLimitsSection()

    @field_validator("dialect", mode="before")
    @classmethod
    def _release(cls, value: Any) -> Any:
        # YAML reads 2.0 as a number.
        return value if isinstance(value, Dialect) else dialect_named(str(value)) or value


class LimitsSection(Section):
    """Bounds that protect the server (design D10)."""

    max_backlog: int = Field(
        default=50_000, ge=1, description="Facts waiting in all inboxes above which new executions get 429."
    )
    max_task_runs: int = Field(default=500_000, ge=1, description="Task runs that one execution has at a time.")
    trigger_chain: int = Field(
        default=100, ge=1, description="Flow triggers that may start one after the other, so that no circle is endless."
    )
    max_inputs_size: Size = Field(
        default=10 * 1024**2, ge=1024, description="Inputs of one execution as JSON; larger values belong into files."
    )
    max_variables_size: Size = Field(
        default=10 * 1024**2, ge=1024, description="Variables that the tasks of one execution set, as JSON."
    )
    max_labels_size: Size = Field(
        default=64 * 1024, ge=1024, description="Keys and values of all labels of one execution."
    )
    inline_outputs_size: Size = Field(
        default=64 * 1024, ge=0, description="Outputs above this size lie in internal storage, not in the database."
    )


class Configuration(Section):
    """Everything below ``segue`` (or ``kestra``), with ``datasources`` beside or below it."""

    url: str | None = Field(default=None, description="Public base URL, used in links.")
    data_dir: Path = Field(default=Path("data"), description="Folder of the SQLite file and of local storage.")
    queue: QueueSection = QueueSection()
    repository: RepositorySection = RepositorySection()
    redis: RedisSection = RedisSection()
    storage: StorageSection = StorageSection()
    server: ServerSection = ServerSection()
    controller: ControllerSection = ControllerSection()
    worker: WorkerSection = WorkerSection()
    variables: VariablesSection = VariablesSection()
    expressions: ExpressionsSection = ExpressionsSection()
    secret: SecretSection = SecretSection()
    encryption: EncryptionSection = EncryptionSection()
    namespaces: NamespacesSection = NamespacesSection()
    limits: LimitsSection = LimitsSection()
    plugins: PluginsSection = PluginsSection()
    tasks: TasksSection = TasksSection()
    datasources: dict[str, DataSource] = Field(
        default_factory=dict, description="Databases by name; also accepted as a root key of the file."
    )
    log_levels: dict[str, str] = Field(
        default_factory=dict,
        description="Log level by logger name; `logger.levels` as a root key of the file means the same.",
    )
