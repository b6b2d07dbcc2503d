"""Python scripts on a real server: packages of an index, warm interpreters, and their end."""

import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.combinations import COMBINATIONS
from tests.processes import ServerProcess, running
from tests.rest import RestClient, summary
from tests.unit.plugins.scripts.package_index import PackageIndex

FLOW = """
id: packages
namespace: company.tests
tasks:
  - id: each
    type: io.kestra.plugin.core.flow.ForEach
    values: [1, 2, 3, 4, 5]
    concurrencyLimit: 1
    tasks:
      - id: use
        type: io.kestra.plugin.scripts.python.Script
        dependencies: [seguealpha]
        env: {UV_DEFAULT_INDEX: "URL"}
        script: |
          import os, seguealpha
          from kestra import Kestra
          parent = open(f"/proc/{os.getppid()}/cmdline").read()
          Kestra.outputs({"version": seguealpha.VERSION, "forked": "template.py" in parent})
"""


@pytest.fixture
def index(tmp_path: Path) -> Iterator[PackageIndex]:
    with PackageIndex(tmp_path / "index") as index:
        index.add("seguealpha")
        yield index


def templates(server: ServerProcess) -> list[psutil.Process]:
    found = psutil.Process(server.pid).children(recursive=True)
    return [one for one in found if any(part.endswith("template.py") for part in one.cmdline())]


async def test_packages_and_warm_interpreters(
    tmp_path: Path, index: PackageIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGUE_WORKER_PYTHON_CACHE_PATH", str(tmp_path / "python"))
    combination = next(one for one in COMBINATIONS if (one.database, one.queue) == ("sqlite", "memory"))
    server = ServerProcess("python", "standalone", tmp_path, combination.config(tmp_path, "", redis_url=""))
    with running(server):
        async with RestClient(server.addresses.http) as client:
            await client.deploy(FLOW.replace("URL", index.url))
            for _ in range(2):
                started = await client.start("company.tests", "packages")
                ended = await client.wait(started["id"])
                assert ended["state"]["current"] == "SUCCESS", summary(ended)
                forked = []
                for run in ended["taskRunList"][1:]:
                    given = await client.json("GET", f"/outputs/{ended['id']}/{run['id']}")
                    assert given["vars"]["version"] == "1.0"
                    forked.append(given["vars"]["forked"])
            assert forked == [True] * 5
        assert len([path for path in index.requests if path.endswith("/seguealpha/")]) == 1
        found = templates(server)
        assert len(found) == 1
        environ = found[0].environ()
        assert {name for name in environ if name.startswith(("SEGUE_", "UV_"))} <= {"SEGUE_PROCESS_MARK"}
        assert set(environ) <= {*os.environ, "PYTHONUNBUFFERED", "PYTHONPATH", "SEGUE_PROCESS_MARK"}
    psutil.wait_procs(found, timeout=10)
    assert not any(one.is_running() for one in found)
