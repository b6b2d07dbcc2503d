"""Every role in a process of its own, twice where it matters, and the plugin of these tests in all of them."""

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.chaos.plugin import JOURNAL, TYPE
from tests.combinations import Combination
from tests.processes import ROOT, ServerProcess, stop_all

SLOTS = 10
CONTROL_PLANE = ("webserver", "scheduler", "executor-1", "executor-2", "controller-1", "controller-2")
WORKERS = ("worker-1", "worker-2")


def environment(folder: Path) -> dict[str, str]:
    """What makes a server find the plugin (by an entry point, as any other) and the file of its witness."""
    plugins = folder / "plugins"
    metadata = plugins / "segue_chaos-1.0.dist-info"
    metadata.mkdir(parents=True, exist_ok=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: segue-chaos\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[segue.plugins]\n{TYPE} = tests.chaos.plugin:Step\n")
    path = os.pathsep.join(str(each) for each in (ROOT / "src", ROOT, plugins))
    return {"PYTHONPATH": path, JOURNAL: str(folder / "witness.jsonl")}


class Cluster:
    """The processes by name; `program` replaces the product's entry in all of them."""

    def __init__(
        self,
        name: str,
        folder: Path,
        combination: Combination,
        database_url: str,
        *,
        redis_url: str = "",
        program: Sequence[str] = ("-m", "segue"),
    ) -> None:
        self.name = name
        self.database_url = database_url
        self.folder = folder
        self.witness = folder / "witness.jsonl"
        self.processes: dict[str, ServerProcess] = {}
        self._config = combination.config(folder, database_url, redis_url)
        self._program = program
        self._environment = environment(folder)

    @property
    def url(self) -> str:
        """Where the REST API is."""
        return self.processes["webserver"].addresses.http

    def start(self) -> None:
        """Start what does not run, the workers when there are controllers, and wait until all are ready."""
        self._begin(CONTROL_PLANE, self._config)
        endpoints = [
            {"host": host, "port": int(port)}
            for name in ("controller-1", "controller-2")
            for host, _, port in [self.processes[name].addresses.grpc.rpartition(":")]
        ]
        worker = {"threads": SLOTS, "controllers": {"static": {"endpoints": endpoints}}}
        self._begin(WORKERS, {"worker": worker})

    def _begin(self, names: Sequence[str], config: Mapping[str, Any]) -> None:
        for name in names:
            role = name.partition("-")[0]
            process = self.processes.get(name) or ServerProcess(
                name, role, self.folder, config, environment=self._environment, program=self._program
            )
            self.processes[name] = process
            process.start(wait=False)
        for name in names:
            self.processes[name].wait_ready()

    def kill(self, *names: str) -> None:
        """`kill -9`."""
        for name in names:
            self.processes[name].kill()

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """A process stands still (SIGSTOP), as a machine does that swaps or is moved, and goes on."""
        os.kill(self.processes[name].pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.processes[name].pid, signal.SIGCONT)

    def stop(self) -> None:
        """End everything in an orderly way, the workers first."""
        stop_all(tuple(self.processes.values()))
