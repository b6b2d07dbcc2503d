"""Outputs of task runs (and of executions, under their own id) outside the execution (design D4)."""

from collections.abc import Sequence
from typing import Protocol


class OutputRepository(Protocol):
    """Inline outputs. Large ones lie in internal storage and are not here."""

    async def get_many(self, owner_ids: Sequence[str]) -> dict[str, bytes]:
        """JSON by owner id; owners without inline outputs are left out."""
        ...
