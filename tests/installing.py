"""Puts a plugin's project into a folder as ``pip install --target`` does, without building it or asking an index."""

import shutil
import tomllib
from pathlib import Path


def install(project: Path, folder: Path) -> None:
    """Copy the packages below ``src`` and write the metadata of the distribution."""
    data = tomllib.loads((project / "pyproject.toml").read_text())["project"]
    files = []
    for package in sorted((project / "src").iterdir()):
        shutil.copytree(package, folder / package.name, ignore=shutil.ignore_patterns("__pycache__"))
        files += [file.relative_to(folder).as_posix() for file in (folder / package.name).rglob("*.py")]
    info = folder / f"{data['name'].replace('-', '_')}-{data['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {data['name']}\nVersion: {data['version']}\n")
    groups = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
        for group, entries in data["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n".join(groups))
    (info / "RECORD").write_text("".join(f"{name},,\n" for name in files))
