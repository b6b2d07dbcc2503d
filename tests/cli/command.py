"""Runs the real command in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


def environment() -> dict[str, str]:
    """The variables of this process without those that configure a server."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("SEGUE_", "KESTRA_"))} | {
        "COLUMNS": "160"
    }


def segue(
    *arguments: str | Path, cwd: Path | None = None, timeout: float = 60, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ``segue`` with ``arguments`` and return what it said and its exit code."""
    return subprocess.run(
        command(arguments),
        cwd=cwd,
        env=environment() | (env or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def command(arguments: Sequence[str | Path]) -> list[str]:
    """The command line of ``segue`` with ``arguments``."""
    return [sys.executable, "-m", "segue", *map(str, arguments)]
