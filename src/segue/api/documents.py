"""Objects as this API shows them, for parts of the platform that are not the API."""

from datetime import datetime
from typing import Any

from segue.api.schemas.executions import wire_execution
from segue.api.schemas.flows import wire_flow
from segue.domain.execution.model import Execution
from segue.ports.repositories.flows import StoredFlow


class RestDocuments:
    """Search results of the API (REST API 6.1, 6.2), without URLs."""

    def execution(self, execution: Execution, now: datetime) -> Any:
        """An execution without its task runs."""
        return wire_execution(execution, now)

    def flow(self, stored: StoredFlow) -> Any:
        """A flow with its source."""
        return wire_flow(stored, with_source=True)
