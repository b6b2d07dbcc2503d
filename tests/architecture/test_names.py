"""Names say what is inside, and nothing of a developer's machine gets into the project."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers", "stuff", "lib"}
FORBIDDEN = {
    "a path of a machine": re.compile(r"(?<![\w.-])/(?:work|home|Users)/[a-z]"),
    "an unfinished piece": re.compile(r"\b(?:TODO|FIXME|HACK)\b|# *XXX\b"),
    "a package index address": re.compile(r"(?:pypi\.org/simple|files\.pythonhosted\.org)"),
}


def tracked() -> list[Path]:
    """Text files of the project; a copy without version control is walked instead."""
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
        names = [name for name in listed.stdout.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        folders = ("src", "tests", "docs", "examples", "benchmarks")
        names = [str(p.relative_to(ROOT)) for f in folders for p in (ROOT / f).rglob("*") if p.is_file()]
    return [ROOT / name for name in names if not name.endswith((".png", ".lock")) and (ROOT / name).is_file()]


def test_no_module_has_an_empty_name():
    modules = [path for path in (ROOT / "src").rglob("*") if path.suffix == ".py" or path.is_dir()]
    assert not [path for path in modules if path.stem in EMPTY_NAMES]


@pytest.mark.parametrize("kind", FORBIDDEN)
def test_no_file_holds(kind: str):
    pattern = FORBIDDEN[kind]
    hits = []
    for path in tracked():
        if path == Path(__file__) or path.suffix in {".pyc", ".svg"}:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if pattern.search(line):
                hits.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    assert not hits, "\n".join(hits)


def test_every_package_says_what_it_is_for():
    packages = [p for p in (ROOT / "src" / "segue").rglob("__init__.py") if "generated" not in p.parts]
    silent = [str(p) for p in packages if not p.read_text(encoding="utf-8").lstrip().startswith('"""')]
    assert not silent
