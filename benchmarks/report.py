"""What is printed: a plain table of runs with their medians, and one line of JSON for machines."""

import json
import platform
import sqlite3
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from segue import __version__

_PACKAGES = ("sqlalchemy", "psycopg", "grpcio", "uvloop", "litestar", "msgspec")


def machine() -> dict[str, Any]:
    """Processor, cores and memory of this machine."""
    model = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return {
        "cpu": model,
        "cores": psutil.cpu_count() or 0,
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
    }


def versions() -> dict[str, str]:
    """Versions of what is measured and of what it stands on."""
    found = {"segue": __version__, "python": platform.python_version(), "sqlite": sqlite3.sqlite_version}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    if commit.returncode == 0:
        found["commit"] = commit.stdout.strip()
    return found


def medians(runs: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The median of every figure that all runs have."""
    return {
        name: statistics.median([run[name] for run in runs])
        for name in runs[0]
        if all(isinstance(run.get(name), int | float) for run in runs)
    }


def print_report(title: str, configuration: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> None:
    """Print the table, then the line of JSON."""
    middle = medians(runs)
    heads = [f"run {number}" for number in range(1, len(runs) + 1)] + ["median"]
    print(f"\n{title}")
    print(f"  {'':<34}" + "".join(f"{head:>12}" for head in heads))
    for name, value in middle.items():
        cells = [_cell(run[name]) for run in runs] + [_cell(value)]
        print(f"  {name.replace('_', ' '):<34}" + "".join(f"{cell:>12}" for cell in cells))
    line = {
        "benchmark": title,
        "machine": machine(),
        "versions": versions(),
        "configuration": dict(configuration),
        "medians": {name: round(value, 3) for name, value in middle.items()},
        "runs": len(runs),
    }
    print(json.dumps(line))


def _cell(value: float) -> str:
    if isinstance(value, int) or value == int(value):
        return f"{int(value):,}"
    return f"{value:,.1f}" if abs(value) >= 10 else f"{value:.2f}"
