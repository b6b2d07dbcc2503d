"""What the API needs from the outside, handed in by the composition root."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from segue.domain.flow.type_names import TypeCatalogue
from segue.expr import Engine, Services
from segue.expr.services import NO_SERVICES
from segue.ports.clock import Clock, Ids
from segue.ports.plugins import PluginLibrary
from segue.ports.queue import Queue
from segue.ports.repositories.catalog import FlowCatalog
from segue.ports.repositories.executions import ExecutionRepository
from segue.ports.repositories.flows import FlowRepository
from segue.ports.repositories.insights import InsightRepository
from segue.ports.repositories.jobs import JobRepository
from segue.ports.repositories.journal import Journal
from segue.ports.repositories.logs import LogRepository
from segue.ports.repositories.metrics import MetricRepository
from segue.ports.repositories.namespaces import NamespaceRepository
from segue.ports.repositories.outputs import OutputRepository
from segue.ports.repositories.slots import SlotRepository
from segue.ports.repositories.triggers import TriggerRepository
from segue.ports.repositories.values import ValueSource
from segue.ports.storage import Storage


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiPorts:
    """Repositories, storage, queue, catalogues, time and chance.

    ``services`` are what templates may use of this machine, ``values`` what of the control plane (secrets for
    webhook keys, KV values in defaults), None for nothing. ``globals`` are roots that every template sees.
    ``encrypt`` stores SECRET inputs, None refuses them. ``plugins`` documents the types; ``plugin_defaults`` are
    those of the server (flow language 2.12).
    """

    flows: FlowRepository
    executions: ExecutionRepository
    outputs: OutputRepository
    logs: LogRepository
    insights: InsightRepository
    journal: Journal
    jobs: JobRepository
    slots: SlotRepository
    namespaces: NamespaceRepository
    triggers: TriggerRepository
    metrics: MetricRepository
    storage: Storage
    queue: Queue
    catalog: FlowCatalog
    types: TypeCatalogue
    clock: Clock
    ids: Ids
    engine: Engine
    services: Services = NO_SERVICES
    values: ValueSource | None = None
    globals: Mapping[str, Any] = field(default_factory=dict)
    encrypt: Callable[[str], Any] | None = None
    plugins: PluginLibrary | None = None
    plugin_defaults: Sequence[Mapping[str, Any]] = ()
