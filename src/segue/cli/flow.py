"""``segue flow``: check and deploy flows."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from segue.cli.check import check
from segue.cli.options import DEFAULT_SERVER, Server, Tenant, User, connect
from segue.domain.errors import SegueError

app = typer.Typer(help="Check and deploy flows.", no_args_is_help=True)

Paths = Annotated[list[Path], typer.Argument(help="Files, or folders that are searched for .yml and .yaml files.")]


@app.command()
def validate(paths: Paths) -> None:
    """Check flows without a server; prints file:line: message for every fault."""
    faults: list[str] = []
    count = 0
    for path in files(paths):
        checked = check(path, read(path))
        count += checked.flows
        faults += checked.faults
        for line in (*checked.faults, *checked.notes):
            typer.echo(line)
    if faults:
        raise SegueError(f"{_counted(len(faults), 'fault')} in {_counted(count, 'flow')}")
    typer.echo(f"{_counted(count, 'flow')} valid")


@app.command()
def deploy(paths: Paths, server: Server = DEFAULT_SERVER, user: User = None, tenant: Tenant = "main") -> None:
    """Create or update flows on a server."""
    with connect(server, user, tenant) as client:
        for path in files(paths):
            try:
                stored = client.deploy(read(path))
            except SegueError as error:
                raise SegueError(f"{path}: {error.message}") from error
            for flow in stored:
                typer.echo(f"{flow['namespace']}.{flow['id']} revision {flow.get('revision', '?')}")


def files(paths: list[Path]) -> Iterator[Path]:
    """The flow files that ``paths`` name, folders searched. Raises ``SegueError`` when there are none."""
    found = False
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.suffix in {".yml", ".yaml"} and p.is_file())
        elif path.is_file():
            inside = [path]
        else:
            raise SegueError(f"there is no file or folder {path}")
        for file in inside:
            found = True
            yield file
    if not found:
        raise SegueError("no .yml or .yaml file found")


def read(path: Path) -> str:
    """The text of a flow file. Raises ``SegueError`` when it is not UTF-8 text."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise SegueError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SegueError(f"{path}: this is not UTF-8 text") from error


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
