"""From configuration to adapters."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from segue.adapters.databases.sql import SqlDatabase
from segue.adapters.queues.memory import MemoryQueue
from segue.adapters.secrets.environment import EnvironmentSecrets
from segue.adapters.storages.local import LocalStorage
from segue.bootstrap.encryption import open_cipher
from segue.bootstrap.expressions import expression_engine
from segue.bootstrap.plugin_defaults import plugin_defaults
from segue.bootstrap.rendering import GlobalRenderer
from segue.config import Configuration, ConfigurationError
from segue.config.sections import QueueType, RepositoryType
from segue.config.storages import StorageType
from segue.domain.encrypted import encrypted
from segue.plugins.registry import PluginRegistry
from segue.ports.clock import Clock, Ids, SystemClock, SystemIds
from segue.ports.queue import Queue
from segue.ports.rendering import machine_services
from segue.ports.repositories.catalog import FlowCatalog
from segue.ports.repositories.database import Database
from segue.ports.repositories.file_access import FileAccess
from segue.ports.repositories.file_tree import NamespaceFiles
from segue.ports.repositories.namespace_settings import NamespaceCatalog
from segue.ports.repositories.values import ValueSource
from segue.ports.storage import Storage


@dataclass(frozen=True)
class Backends:
    """The outside of a control plane process. Nothing is opened yet."""

    database: Database
    queue: Queue
    storage: Storage
    catalog: FlowCatalog
    namespaces: NamespaceCatalog
    types: PluginRegistry
    defaults: Sequence[Mapping[str, Any]]
    renderer: GlobalRenderer
    values: ValueSource
    encrypt: Callable[[str], Any] | None
    clock: Clock
    ids: Ids


def backends(configuration: Configuration, *, shared: bool) -> Backends:
    """The adapters that ``configuration`` names. ``shared``: other processes use the same queue.

    Raises ``ConfigurationError`` for what does not go together.
    """
    database = SqlDatabase(database_url(configuration))
    types, clock = PluginRegistry(folders=configuration.plugins.paths), SystemClock()
    defaults = plugin_defaults(configuration)
    engine = expression_engine(configuration)
    storage = open_storage(configuration, shared=shared)
    files = NamespaceFiles(database.namespace_files, storage, clock)
    namespaces = NamespaceCatalog(database.namespaces, clock=clock)
    cipher = open_cipher(configuration)
    values = ValueSource(
        kv=database.kv,
        files=files,
        storage=storage,
        logs=database.logs,
        secrets=EnvironmentSecrets(os.environ, configuration.secret.env.prefix),
        access=FileAccess(database.executions, configuration.namespaces.access),
        clock=clock,
        cipher=cipher,
    )
    encrypt = None if cipher is None else (lambda text: encrypted(cipher.encrypt(text)))
    return Backends(
        database=database,
        queue=open_queue(configuration, shared=shared),
        storage=storage,
        catalog=FlowCatalog(database.flows, types, clock=clock, defaults=defaults, namespaces=namespaces),
        namespaces=namespaces,
        types=types,
        defaults=defaults,
        renderer=GlobalRenderer(engine, machine_services(clock), global_variables(configuration), encrypt),
        values=values,
        encrypt=encrypt,
        clock=clock,
        ids=SystemIds(),
    )


def open_queue(configuration: Configuration, *, shared: bool) -> Queue:
    """The queue, not yet started. Raises ``ConfigurationError`` for one that cannot be shared."""
    section = configuration.queue
    if section.type is QueueType.MEMORY:
        if shared:
            raise ConfigurationError(
                "segue.queue.type: `memory` works within one process; roles in processes of their own need "
                "`postgres`, `sqlite` or `redis`"
            )
        return MemoryQueue()
    if section.type is QueueType.REDIS:
        from segue.adapters.queues.redis import RedisQueue

        return RedisQueue(configuration.redis.url, prefix=section.prefix)
    from segue.adapters.queues.sql import SqlQueue

    if section.datasource is not None:
        return SqlQueue(_source(configuration, section.datasource, "segue.queue.datasource"))
    if section.type is QueueType.SQL:
        return SqlQueue(database_url(configuration))
    same = section.type.value == configuration.repository.type.value
    return SqlQueue(database_url(configuration) if same else _url_of(configuration, section.type.value))


def open_storage(configuration: Configuration, *, shared: bool) -> Storage:
    """Internal storage, not yet started. Raises ``ConfigurationError`` for one that cannot be shared."""
    section = configuration.storage
    if section.type is StorageType.LOCAL:
        return LocalStorage(section.local.base_path or configuration.data_dir / "storage")
    if section.type is StorageType.MEMORY and shared:
        raise ConfigurationError(
            "segue.storage.type: `memory` works within one process; roles in processes of their own need a folder "
            "that all of them see (`local`), or a bucket"
        )
    from segue.adapters.storages.buckets import bucket_storage

    return bucket_storage(section)


def database_url(configuration: Configuration) -> str:
    """The URL of the database that holds the data, with credentials."""
    section = configuration.repository
    if section.datasource is not None:
        url = _source(configuration, section.datasource, "segue.repository.datasource")
    else:
        url = _url_of(configuration, section.type.value)
    wanted = "sqlite:" if section.type is RepositoryType.SQLITE else "postgresql"
    if not url.startswith(wanted):
        raise ConfigurationError(f"segue.repository.type: the data source of `{section.type.value}` is of another kind")
    return url


def global_variables(configuration: Configuration) -> dict[str, Any]:
    """Expression roots that are the same everywhere: ``globals``, ``envs``, ``kestra`` (expressions 10)."""
    prefix = configuration.variables.env_vars_prefix
    return {
        "globals": configuration.variables.globals,
        "envs": {
            name.removeprefix(prefix).lower(): value
            for name, value in os.environ.items()
            if prefix and name.startswith(prefix)
        },
        "kestra": {"url": configuration.url or "", "environment": {}},
    }


def _url_of(configuration: Configuration, kind: str) -> str:
    if kind in configuration.datasources:
        return configuration.datasources[kind].address()
    if kind == "sqlite":
        configuration.data_dir.mkdir(parents=True, exist_ok=True)
        return f"sqlite:///{configuration.data_dir.resolve() / 'segue.db'}"
    raise ConfigurationError(f"datasources.{kind}: `{kind}` needs a data source of this name, with a `url`")


def _source(configuration: Configuration, name: str, key: str) -> str:
    if name not in configuration.datasources:
        known = ", ".join(sorted(configuration.datasources)) or "none"
        raise ConfigurationError(f"{key}: there is no data source `{name}` (there are: {known})")
    return configuration.datasources[name].address()
