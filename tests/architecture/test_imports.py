"""The layers hold, and a light command stays light."""

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_import_contracts_hold():
    command = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_version_is_quick(capsys):
    command = [sys.executable, "-m", "segue", "--version"]
    figures = []
    for _ in range(3):
        began = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        figures.append(time.perf_counter() - began)
    with capsys.disabled():
        print(f"\nsegue --version: {min(figures) * 1000:.0f} ms (goal 150 ms)")
    assert done.stdout.startswith("segue ")
    assert min(figures) < 1, "a heavy import has crept into segue.cli.main"


def test_version_imports_no_framework():
    heavy = "typer", "rich", "httpx", "pydantic", "sqlalchemy", "grpc", "litestar", "asyncio"
    program = f"import sys, segue.cli.main; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
