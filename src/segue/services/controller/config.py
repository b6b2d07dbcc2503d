"""What a controller needs, and what can be set about it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from segue.domain.execution.model import Execution, FlowKey
from segue.domain.namespace_settings import NO_SETTINGS, NamespaceSettings
from segue.expr import Dialect
from segue.ports.clock import Clock
from segue.ports.queue import Queue
from segue.ports.repositories.executions import ExecutionRepository
from segue.ports.repositories.flows import FlowRepository, StoredFlow
from segue.ports.repositories.jobs import JobRepository
from segue.ports.repositories.outputs import OutputRepository
from segue.ports.repositories.triggers import TriggerRepository
from segue.ports.repositories.values import ValueSource
from segue.ports.storage import Storage


def _as_written(source: str, settings: NamespaceSettings) -> str:  # noqa: ARG001  as those that fill defaults in
    return source


async def _no_settings(flow: FlowKey) -> NamespaceSettings:  # noqa: ARG001  as those that have some
    return NO_SETTINGS


class Documents(Protocol):
    """Objects as the REST API shows them, so that tasks see the same; made to be encoded as JSON."""

    def execution(self, execution: Execution, now: datetime) -> Any:
        """An execution without its task runs."""
        ...

    def flow(self, stored: StoredFlow) -> Any:
        """A flow with its source."""
        ...


@dataclass(frozen=True, slots=True)
class ControllerPorts:
    """The outside of a controller.

    ``prepare_flow`` turns the source of a flow, and the settings of its namespaces, into what workers get;
    ``settings`` finds those settings.
    """

    jobs: JobRepository
    executions: ExecutionRepository
    outputs: OutputRepository
    flows: FlowRepository
    triggers: TriggerRepository
    storage: Storage
    queue: Queue
    clock: Clock
    values: ValueSource
    """What expressions of tasks ask for."""
    documents: Documents
    prepare_flow: Callable[[str, NamespaceSettings], str] = _as_written
    settings: Callable[[FlowKey], Awaitable[NamespaceSettings]] = _no_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerConfig:
    """Settings of a controller. Times are in seconds, sizes in bytes."""

    host: str = "127.0.0.1"
    port: int = 0
    """0 takes a free one."""
    heartbeat: float = 3.0
    lease: float = 10.0
    """A worker that is silent for longer loses its jobs."""
    fallback: float = 2.0
    """Jobs are looked for this often even if no news of them came."""
    stray_after: float = 5.0
    """A job that is claimed for a living worker and unknown to it for this long goes to others."""
    claim_limit: int = 500
    frame_jobs: int = 100
    frame_bytes: int = 1 << 20
    inline_output_bytes: int = 65_536
    chunk_bytes: int = 256 * 1024
    max_message_bytes: int = 16 << 20
    max_file_bytes: int = 4 << 30
    max_workers: int = 10_000
    max_slots: int = 10_000
    """What one worker may ask for at most."""
    system_namespace: str = "system"
    """Flows of the system's own live there."""
    registration_token: str = field(default="", repr=False)
    """When set, workers must show it to connect."""
    globals: Mapping[str, Any] = field(default_factory=dict)
    """Expression roots that are the same everywhere (``kestra``, ``globals``, ``envs``)."""
    dialect: Dialect = Dialect.V2
    """Reads the expressions of flows that do not show for which release they were written."""
