"""``segue docs``: generated pages."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Generate reference pages.", no_args_is_help=True)


@app.command()
def build(
    folder: Annotated[Path, typer.Option("--folder", help="Folder of the documentation.")] = Path("docs"),
) -> None:
    """Write the reference pages that are made from the code."""
    from segue.config.reference import reference as configuration
    from segue.expr.reference import reference as expressions

    pages = {"configuration.md": configuration, "expressions.md": expressions}
    for name, page in pages.items():
        path = folder / "reference" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page(), encoding="utf-8")
        typer.echo(str(path))
