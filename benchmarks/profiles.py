"""Begins and ends the sampling of server processes, and prints what used their CPU time."""

import json
import os
import signal
import sysconfig
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

SAMPLER_FOLDER = Path(__file__).parent / "profiler"
_SITE = sysconfig.get_paths()["purelib"]
_STANDARD = sysconfig.get_paths()["stdlib"]


def environment(folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """``environ`` with what makes a server process load the sampler."""
    paths = [str(SAMPLER_FOLDER), environ.get("PYTHONPATH", "")]
    return {
        **environ,
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "SEGUE_BENCHMARK_PROFILE": str(folder),
    }


def begin(pids: Iterable[int]) -> None:
    """Start sampling in these processes."""
    for pid in pids:
        os.kill(pid, signal.SIGUSR1)


def end(pids: Iterable[int], folder: Path) -> list[dict[str, Any]]:
    """Stop sampling and collect the profiles, one for each process."""
    names = list(pids)
    for pid in names:
        os.kill(pid, signal.SIGUSR2)
    deadline = time.monotonic() + 10
    while len(list(folder.glob("*.json"))) < len(names) and time.monotonic() < deadline:
        time.sleep(0.05)
    profiles = []
    for path in sorted(folder.glob("*.json")):
        profiles.append(json.loads(path.read_text()))
        path.unlink()
    return profiles


def print_profile(profile: Mapping[str, Any], executions: int, top: int = 40) -> None:
    """The functions with the most time of their own, then our functions with the most time below them."""
    total = profile["cpu_seconds"]
    print(
        f"\nprofile of {profile['role']} (pid {profile['pid']}): {total:.1f} s of CPU in "
        f"{profile['wall_seconds']:.1f} s, {1e6 * total / max(1, executions):.0f} us per execution, "
        f"{profile['samples']} samples"
    )
    threads = profile["threads"]
    rest = max(0.0, total - sum(threads.values()))
    print(f"threads: {', '.join(f'{n} {s:.1f} s' for n, s in threads.items())}, never in Python {rest:.1f} s")
    _print_packages(profile["own"], total)
    hottest = _hottest_lines(profile["lines"])
    print(f"{'own %':>6} {'us/exec':>8}  function (hottest line)")
    for file, name, first, seconds in sorted(profile["own"], key=lambda row: -row[3])[:top]:
        line, share = hottest[file, name, first]
        print(
            f"{100 * seconds / total:6.1f} {1e6 * seconds / max(1, executions):8.1f}  "
            f"{_short(file)}:{name} (line {line}: {100 * share / seconds:.0f} %)"
        )
    print(f"{'incl %':>6} {'us/exec':>8}  function of segue, with what it calls")
    ours = [row for row in profile["inclusive"] if "/segue/" in row[0]]
    for file, name, _, seconds in sorted(ours, key=lambda row: -row[3])[:top]:
        print(f"{100 * seconds / total:6.1f} {1e6 * seconds / max(1, executions):8.1f}  {_short(file)}:{name}")


def _print_packages(own: Iterable[list[Any]], total: float) -> None:
    packages: defaultdict[str, float] = defaultdict(float)
    for file, _, _, seconds in own:
        packages[_package(file)] += seconds
    ranking = sorted(packages.items(), key=lambda item: -item[1])[:14]
    print("by package: " + ", ".join(f"{name} {100 * seconds / total:.1f} %" for name, seconds in ranking))


def _package(file: str) -> str:
    short = _short(file)
    parts = short.split("/")
    if parts[0] == "segue":
        return "/".join(parts[: 3 if parts[1] in {"services", "adapters", "domain"} else 2])
    return parts[0]


def _short(file: str) -> str:
    if "/src/segue/" in file:
        return "segue/" + file.rpartition("/src/segue/")[2]
    for root, prefix in ((_SITE, ""), (_STANDARD, "python/")):
        if file.startswith(root + "/"):
            return prefix + file[len(root) + 1 :]
    return file.rpartition("/site-packages/")[2] if "/site-packages/" in file else file


def _hottest_lines(lines: Iterable[list[Any]]) -> dict[tuple[str, str, int], tuple[int, float]]:
    hottest: dict[tuple[str, str, int], tuple[int, float]] = {}
    for file, name, first, line, seconds in lines:
        if seconds > hottest.get((file, name, first), (0, -1.0))[1]:
            hottest[file, name, first] = (line, seconds)
    return hottest
