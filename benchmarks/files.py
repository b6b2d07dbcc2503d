"""Tasks over one large file of records: seconds, and the most memory the worker and the control plane took."""

import argparse
import contextlib
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec

from benchmarks.report import print_report
from benchmarks.server import RunningServer, ServerFailed, Setting, Surroundings
from benchmarks.workload import NAMESPACE

_MEGABYTE = 2**20
_PIECES = 30
_STORAGE = "io.kestra.plugin.core.storage."
_STEPS: dict[str, dict[str, Any]] = {
    "split_rows": {"type": _STORAGE + "Split", "rows": 10_000},
    "split_8": {"type": _STORAGE + "Split", "partitions": 8},
    "reverse": {"type": _STORAGE + "Reverse"},
    "filter": {"type": _STORAGE + "FilterItems", "filterCondition": "{{ country == 'CH' and id > 10 }}"},
    "deduplicate": {"type": _STORAGE + "DeduplicateItems", "expr": "{{ id }}"},
}


def main(arguments: list[str]) -> int:
    """Measure with these options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks files", description=__doc__)
    parser.add_argument("--megabytes", type=int, default=300, help="size of the file")
    parser.add_argument("--records", type=int, default=100_000, help="records in it")
    chosen = parser.parse_args(arguments)
    try:
        with Surroundings(Setting()) as surroundings:
            surroundings.renew()
            with surroundings.launch() as server:
                server.wait_for_worker()
                figures = _measure(server, chosen.megabytes, chosen.records)
    except ServerFailed as error:
        print(f"benchmarks: the server failed: {error}", file=sys.stderr)
        return 1
    print_report(f"files, {chosen.megabytes} MB in {chosen.records:,} records", vars(chosen), [figures])
    return 0


def _measure(server: RunningServer, megabytes: int, records: int) -> dict[str, Any]:
    tasks: list[dict[str, Any]] = [
        {"id": "concat", "type": _STORAGE + "Concat", "files": ["nsfile:///piece.jsonl"] * _PIECES},
        *({"id": id_, "from": "{{ outputs.concat.uri }}", **properties} for id_, properties in _STEPS.items()),
        {
            "id": "upload",
            "type": "io.kestra.plugin.core.namespace.UploadFiles",
            "namespace": NAMESPACE,
            "filesMap": {"all.jsonl": "{{ outputs.concat.uri }}"},
        },
    ]
    flow = {"id": "files", "namespace": NAMESPACE, "tasks": tasks}
    figures: dict[str, Any] = {}
    with httpx.Client(base_url=f"{server.base}/api/v1/main", timeout=120) as client:
        _upload(client, megabytes, records)
        source = msgspec.json.encode(flow)
        client.post("/flows", content=source, headers={"content-type": "application/x-yaml"}).raise_for_status()
        _forget_peaks(server)
        figures["worker rss MB before"] = _peaks(server)["worker"]
        id_ = client.post(f"/executions/{NAMESPACE}/files", files={"x": b""}).raise_for_status().json()["id"]
        ended: set[str] = set()
        while True:
            execution = client.get(f"/executions/{id_}").raise_for_status().json()
            for run in execution.get("taskRunList") or ():
                if run["taskId"] not in ended and run["state"]["current"] in {"SUCCESS", "FAILED", "KILLED"}:
                    ended.add(run["taskId"])
                    figures[f"{run['taskId']} s"] = _seconds(run["state"])
                    peaks = _peaks(server)
                    figures[f"{run['taskId']} worker MB"] = peaks["worker"]
                    figures[f"{run['taskId']} control plane MB"] = peaks["control plane"]
                    _forget_peaks(server)
            state = execution["state"]["current"]
            if state in {"SUCCESS", "WARNING"}:
                return figures
            if state in {"FAILED", "KILLED"}:
                raise ServerFailed(f"the execution ended {state}\n{server.log_tail()}")
            time.sleep(0.05)


def _seconds(state: dict[str, Any]) -> float:
    dates = {one["state"]: datetime.fromisoformat(one["date"]) for one in state["histories"]}
    return (dates[state["current"]] - dates["RUNNING"]).total_seconds()


def _peaks(server: RunningServer) -> dict[str, float]:
    """The most memory that each role held since ``_forget_peaks``, as the kernel knows it (Linux)."""
    return {
        name: sum(_high_water(process.pid) for process in group) / 1024 for name, group in server.processes().items()
    }


def _high_water(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0


def _forget_peaks(server: RunningServer) -> None:
    for pid in server.pids():
        with contextlib.suppress(OSError):
            Path(f"/proc/{pid}/clear_refs").write_text("5")


def _upload(client: httpx.Client, megabytes: int, records: int) -> None:
    """A piece of the file, which is that piece many times."""
    count = max(1, records // _PIECES)
    size = max(60, megabytes * _MEGABYTE // _PIECES // count)
    content = bytearray()
    for number in range(count):
        head = b'{"id":%d,"country":"%s","text":"' % (number, b"CH" if number % 3 else b"FR")
        content += head + b"x" * (size - len(head) - 3) + b'"}\n'
    answer = client.post(
        f"/namespaces/{NAMESPACE}/files", params={"path": "piece.jsonl"}, files={"fileContent": ("p", bytes(content))}
    )
    answer.raise_for_status()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
