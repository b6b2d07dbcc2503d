"""``segue execution``: start, look at and stop executions on a server."""

import json
from typing import Annotated

import typer
from rich.console import Console

from segue.cli.follow import exit_code, watch
from segue.cli.options import DEFAULT_SERVER, Inputs, Server, Tenant, User, connect, split_inputs
from segue.cli.view import log_line, outputs_table, run_tree

app = typer.Typer(help="Start, look at and stop executions.", no_args_is_help=True)

ExecutionId = Annotated[str, typer.Argument(help="Id of the execution.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def start(
    namespace: Annotated[str, typer.Argument(help="Namespace of the flow.")],
    flow_id: Annotated[str, typer.Argument(help="Id of the flow.")],
    inputs: Inputs = None,
    label: Annotated[list[str] | None, typer.Option("--label", help="key:value. Repeatable.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Show it until it ends.")] = False,
    server: Server = DEFAULT_SERVER,
    user: User = None,
    tenant: Tenant = "main",
) -> None:
    """Start an execution and print its id."""
    texts, uploads = split_inputs(inputs)
    with connect(server, user, tenant) as client:
        execution = client.start(namespace, flow_id, texts, uploads, label or ())
        if not follow:
            typer.echo(execution["id"])
            return
        raise typer.Exit(exit_code(watch(client, execution["id"], Console())))


@app.command()
def get(
    execution_id: ExecutionId,
    as_json: AsJson = False,
    server: Server = DEFAULT_SERVER,
    user: User = None,
    tenant: Tenant = "main",
) -> None:
    """Show an execution, its task runs and outputs."""
    with connect(server, user, tenant) as client:
        execution = client.execution(execution_id)
        if as_json:
            typer.echo(json.dumps(execution, indent=2, ensure_ascii=False))
            return
        console = Console()
        console.print(run_tree(execution))
        table = outputs_table(client.outputs(execution_id), execution.get("outputs"))
        if table is not None:
            console.print(table)


@app.command()
def logs(
    execution_id: ExecutionId,
    level: Annotated[str | None, typer.Option(help="Lowest level: TRACE, DEBUG, INFO, WARN, ERROR.")] = None,
    server: Server = DEFAULT_SERVER,
    user: User = None,
    tenant: Tenant = "main",
) -> None:
    """Print the log lines of an execution."""
    with connect(server, user, tenant) as client:
        console = Console(soft_wrap=True)
        for entry in client.logs(execution_id, level):
            console.print(log_line(entry))


@app.command()
def insights(
    execution_id: ExecutionId,
    as_json: AsJson = False,
    server: Server = DEFAULT_SERVER,
    user: User = None,
    tenant: Tenant = "main",
) -> None:
    """Show what happened inside the tasks: steps and their times, tables, links, progress."""
    from segue.cli.shown import insight_trees

    with connect(server, user, tenant) as client:
        found = client.insights(execution_id)
        if as_json:
            typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
        else:
            Console().print(insight_trees(found))


@app.command()
def kill(
    execution_id: ExecutionId, server: Server = DEFAULT_SERVER, user: User = None, tenant: Tenant = "main"
) -> None:
    """Ask an execution to stop."""
    with connect(server, user, tenant) as client:
        typer.echo(f"{execution_id} {client.kill(execution_id)['state']['current']}")
