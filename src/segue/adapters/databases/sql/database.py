"""All repositories over one set of threads and connections."""

import asyncio

from segue.adapters.databases.sql.dialects import dialect_for
from segue.adapters.databases.sql.executions import SqlExecutions
from segue.adapters.databases.sql.flows import SqlFlows
from segue.adapters.databases.sql.followers import SqlFollowers
from segue.adapters.databases.sql.insights import SqlInsights
from segue.adapters.databases.sql.jobs import SqlJobs
from segue.adapters.databases.sql.journal import SqlJournal
from segue.adapters.databases.sql.kv import SqlKv
from segue.adapters.databases.sql.lanes import Lanes
from segue.adapters.databases.sql.logs import SqlLogs
from segue.adapters.databases.sql.metrics import SqlMetrics
from segue.adapters.databases.sql.migrations import migrate
from segue.adapters.databases.sql.namespace_files import SqlNamespaceFiles
from segue.adapters.databases.sql.namespaces import SqlNamespaces
from segue.adapters.databases.sql.outputs import SqlOutputs
from segue.adapters.databases.sql.slots import SqlSlots
from segue.adapters.databases.sql.statements import Statement
from segue.adapters.databases.sql.triggers import SqlTriggers

_PING = Statement("ping", "SELECT 1")


class SqlDatabase:
    """See ``Database``. ``url`` is ``sqlite:///file`` or ``postgresql://user:password@host/name``.

    ``pool_size`` is the number of connections that write to PostgreSQL; SQLite always has one writer.
    Raises ``UnavailableError`` for a URL of another kind, or when the driver's extra is not installed.
    """

    def __init__(self, url: str, *, pool_size: int = 4) -> None:
        self._lanes = Lanes(dialect_for(url, pool_size))
        self.flows = SqlFlows(self._lanes)
        self.executions = SqlExecutions(self._lanes)
        self.journal = SqlJournal(self._lanes)
        self.jobs = SqlJobs(self._lanes)
        self.outputs = SqlOutputs(self._lanes)
        self.logs = SqlLogs(self._lanes)
        self.insights = SqlInsights(self._lanes)
        self.slots = SqlSlots(self._lanes)
        self.followers = SqlFollowers(self._lanes)
        self.triggers = SqlTriggers(self._lanes)
        self.kv = SqlKv(self._lanes)
        self.namespace_files = SqlNamespaceFiles(self._lanes)
        self.namespaces = SqlNamespaces(self._lanes)
        self.metrics = SqlMetrics(self._lanes)

    async def start(self) -> None:
        """See ``Database.start``."""
        await asyncio.to_thread(migrate, self._lanes.dialect)
        self._lanes.open()
        await self.ping()

    async def stop(self) -> None:
        """See ``Database.stop``."""
        await self._lanes.close()

    async def ping(self) -> None:
        """See ``Database.ping``."""
        await self._lanes.read(lambda transaction: transaction.fetch(_PING))
