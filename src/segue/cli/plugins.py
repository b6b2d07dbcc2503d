"""``segue plugins``: what is installed, its documentation, and the beginning of a new one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from segue.cli.options import Config
from segue.domain.errors import NotFoundError

if TYPE_CHECKING:
    from segue.plugins.registry import PluginRegistry

app = typer.Typer(help="Plugins: list them, read about them, begin a new one.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command(name="list")
def list_plugins(
    text: Annotated[str, typer.Argument(help="Only types with this in their name, or in who brings them.")] = "",
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """List the types of this installation: who brings each, and why those that cannot be used cannot.

    Reads this installation and the folders in ``plugins.paths`` of the configuration; asks no server.
    """
    import msgspec

    from segue.plugins.listing import listing

    found = [one for one in listing(_registry(config)) if text.lower() in f"{one.type} {one.origin}".lower()]
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(found)).decode())
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for head in ("TYPE", "KIND", "FROM", ""):
        table.add_column(head, overflow="fold")
    for one in found:
        table.add_row(one.type, one.kind, one.origin, "deprecated" if one.deprecated else one.error or "")
    Console(soft_wrap=False).print(table)


@app.command()
def doc(
    type_name: Annotated[str, typer.Argument(metavar="TYPE", help="A type or an alias of one.")],
    as_schema: Annotated[bool, typer.Option("--schema", help="Print the JSON schema in place of Markdown.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Also the properties that every task has.")] = False,
    config: Config = None,
) -> None:
    """Print the documentation of a type: what it does, its properties, outputs and examples."""
    import difflib

    import msgspec

    from segue.plugins.documents import Library

    registry = _registry(config)
    library = Library(registry)
    found = library.document(type_name, everything=everything)
    if found is None:
        reason = registry.faults().get(registry.canonical(type_name) or "")
        if reason is not None:
            raise NotFoundError(reason)
        near = difflib.get_close_matches(type_name, library.types(), n=3, cutoff=0.5)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise NotFoundError(f"there is no type {type_name}{hint}")
    shown: Any = found["markdown"]
    if as_schema:
        shown = msgspec.json.format(msgspec.json.encode(found["schema"])).decode()
    typer.echo(shown)


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Name of the distribution: small letters, digits and hyphens.")],
    prefix: Annotated[str, typer.Option("--prefix", help="Beginning of its types.")] = "org.example",
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Where to put it; NAME by default.", show_default=False)
    ] = None,
) -> None:
    """Write the beginning of a plugin: a package with a task, its tests, an example flow and a README."""
    from segue.cli.scaffold import write

    target = folder or Path(name)
    for path in write(target, name, prefix):
        typer.echo(str(path))
    typer.echo(f"\nNext: cd {target}, python -m pip install -e . , python -m pytest")


def _registry(config: Path | None) -> "PluginRegistry":
    from segue.config import load
    from segue.plugins.registry import PluginRegistry

    return PluginRegistry(folders=load(config).configuration.plugins.paths)
