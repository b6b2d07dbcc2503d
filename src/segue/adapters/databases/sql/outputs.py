"""Outputs of task runs and executions, inline (design D4)."""

from collections.abc import Iterable, Sequence

from segue.adapters.databases.sql import tables
from segue.adapters.databases.sql.lanes import Lanes
from segue.adapters.databases.sql.statements import Insert, Row, Statement
from segue.ports.repositories.journal import InlineOutputs

INSERT_OUTPUTS = Insert(
    tables.task_outputs,
    ("owner_id", "execution_id", "digest", "payload"),
    "ON CONFLICT (owner_id) DO UPDATE SET digest = excluded.digest, payload = excluded.payload",
)
_GET = Statement("outputs.get", "SELECT owner_id, payload FROM task_outputs WHERE owner_id = EACH(:ids)")


def output_rows(outputs: Iterable[InlineOutputs]) -> list[Row]:
    """Rows for ``INSERT_OUTPUTS``; of two with one owner the last counts."""
    by_owner = {item.owner_id: item for item in outputs}
    return [(item.owner_id, item.execution_id, item.digest, item.payload) for item in by_owner.values()]


class SqlOutputs:
    """See ``OutputRepository``."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes

    async def get_many(self, owner_ids: Sequence[str]) -> dict[str, bytes]:
        """See ``OutputRepository.get_many``."""
        if not owner_ids:
            return {}
        ids = list(owner_ids)
        rows = await self._lanes.read(lambda transaction: transaction.fetch(_GET, ids=ids))
        return {owner: bytes(payload) for owner, payload in rows}
