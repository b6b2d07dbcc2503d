"""The database as one thing: what bootstrap opens and hands out."""

from typing import Protocol

from segue.ports.repositories.executions import ExecutionRepository
from segue.ports.repositories.flows import FlowRepository
from segue.ports.repositories.followers import FollowerRepository
from segue.ports.repositories.insights import InsightRepository
from segue.ports.repositories.jobs import JobRepository
from segue.ports.repositories.journal import Journal
from segue.ports.repositories.kv import KvRepository
from segue.ports.repositories.logs import LogRepository
from segue.ports.repositories.metrics import MetricRepository
from segue.ports.repositories.namespace_files import NamespaceFileRepository
from segue.ports.repositories.namespaces import NamespaceRepository
from segue.ports.repositories.outputs import OutputRepository
from segue.ports.repositories.slots import SlotRepository
from segue.ports.repositories.triggers import TriggerRepository


class Database(Protocol):
    """All repositories over one connection pool."""

    @property
    def flows(self) -> FlowRepository:
        """Flows."""
        ...

    @property
    def executions(self) -> ExecutionRepository:
        """Executions."""
        ...

    @property
    def journal(self) -> Journal:
        """The executor's side."""
        ...

    @property
    def jobs(self) -> JobRepository:
        """The controller's side."""
        ...

    @property
    def outputs(self) -> OutputRepository:
        """Outputs."""
        ...

    @property
    def logs(self) -> LogRepository:
        """Log lines."""
        ...

    @property
    def insights(self) -> InsightRepository:
        """What tasks show of their attempts."""
        ...

    @property
    def slots(self) -> SlotRepository:
        """Slots of flows with a limit."""
        ...

    @property
    def followers(self) -> FollowerRepository:
        """Flow triggers."""
        ...

    @property
    def kv(self) -> KvRepository:
        """The KV store."""
        ...

    @property
    def namespace_files(self) -> NamespaceFileRepository:
        """The register of namespace files."""
        ...

    @property
    def namespaces(self) -> NamespaceRepository:
        """Namespaces."""
        ...

    @property
    def triggers(self) -> TriggerRepository:
        """States of triggers."""
        ...

    @property
    def metrics(self) -> MetricRepository:
        """Figures that tasks measured."""
        ...

    async def start(self) -> None:
        """Connect and bring the schema up to date. Raises ``UnavailableError``."""
        ...

    async def stop(self) -> None:
        """Close the connections."""
        ...

    async def ping(self) -> None:
        """Do nothing, with an answer. Raises ``UnavailableError``."""
        ...
