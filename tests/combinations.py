"""The configuration of a server for each pair of database and queue."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Combination:
    """One choice of database and queue."""

    database: str
    queue: str

    def __str__(self) -> str:
        return f"{self.database}+{self.queue}"

    def config(self, folder: Path, postgres_url: str = "", redis_url: str = "") -> dict[str, Any]:
        """The tree below `segue`: all data below `folder`, or in the database and the broker given."""
        tree: dict[str, Any] = {
            "data-dir": str(folder / "data"),
            "queue": {"type": self.queue},
            "repository": {"type": "sqlite"},
        }
        if self.database == "postgresql":
            tree["repository"] = {"type": "postgres"}
            tree["datasources"] = {"postgres": {"url": postgres_url}}
        if self.queue == "redis":
            tree["redis"] = {"url": redis_url}
        return tree


COMBINATIONS = tuple(
    Combination(database, queue) for database in ("sqlite", "postgresql") for queue in ("memory", "sql", "redis")
)
