"""The command tree."""

from collections.abc import Sequence
from typing import Annotated

import typer

from segue.cli import demo, docs, execution, expr, flow, plugins, server, trigger
from segue.cli.run import run_flow
from segue.cli.running import run_app

app = typer.Typer(
    name="segue",
    help="Segue runs workflows written in YAML: flows in, finished executions out.",
    epilog="Begin with `segue demo`, or `segue server standalone` and `segue flow deploy`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(server.app, name="server")
app.add_typer(flow.app, name="flow")
app.add_typer(execution.app, name="execution")
app.add_typer(trigger.app, name="trigger")
app.add_typer(expr.app, name="expr")
app.add_typer(plugins.app, name="plugins")
app.add_typer(docs.app, name="docs")
app.command("run")(run_flow)
app.command("demo")(demo.demo)


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", "-V", help="Show the version and exit.")] = False,
) -> None:
    """Hold the options of the command itself; ``--version`` alone is answered earlier."""
    if version:
        from segue import __version__

        typer.echo(f"segue {__version__}")
        raise typer.Exit


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    return run_app(app, arguments, "segue")
