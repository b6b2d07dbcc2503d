"""The page's commands are run as written, and what it shows must come."""

import os
import re
import stat
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.cli.command import ROOT, environment
from tests.cli.running import FREE_PORTS, running

PAGE = ROOT / "docs" / "getting-started.md"
BLOCK = re.compile(r"^```(\w+)(?: title=(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass
class Command:
    """A command line of the page and the output shown below it."""

    line: str
    shown: list[str] = field(default_factory=list)


def test_every_command_does_what_the_page_shows(tmp_path: Path):
    (tmp_path / "bin").mkdir()
    shim = tmp_path / "bin" / "segue"
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m segue "$@"\n')
    shim.chmod(shim.stat().st_mode | stat.S_IXUSR)
    with running(tmp_path, *FREE_PORTS) as server:
        addresses = {
            "http://127.0.0.1:8080": server.address("http"),
            "http://127.0.0.1:8081": server.address("management"),
            "127.0.0.1:50051": server.address("grpc"),
        }
        env = environment() | {
            "PATH": f"{shim.parent}{os.pathsep}{os.environ['PATH']}",
            "SEGUE_SERVER_URL": addresses["http://127.0.0.1:8080"],
        }
        ran = 0
        for kind, title, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
            if title:
                (tmp_path / title).write_text(text)
            for command in commands(text) if kind == "console" else []:
                for written, real in addresses.items():
                    command.line = command.line.replace(written, real)
                    command.shown = [line.replace(written, real) for line in command.shown]
                if command.line == "segue server standalone":
                    output = server.ready
                else:
                    output = shell(command.line, tmp_path, env)
                check(command, output)
                ran += 1
    assert ran >= 8


def commands(text: str) -> list[Command]:
    """The commands of a console block."""
    found: list[Command] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append(Command(line[2:]))
        elif found:
            found[-1].shown.append(line)
    return found


def shell(line: str, folder: Path, env: dict[str, str]) -> str:
    """Run one line as a reader would."""
    done = subprocess.run(
        ["bash", "-c", line], cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    return done.stdout


def check(command: Command, output: str) -> None:
    """Every line shown is a line of the output; ``...`` stands for anything."""
    for shown in command.shown:
        pattern = re.compile("^" + ".*".join(re.escape(part) for part in shown.split("...")) + "$", re.MULTILINE)
        assert pattern.search(output), f"{command.line}\nshows no line like {shown!r}:\n{output}"
