"""``segue run``: one flow, once, on a server of its own."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from segue.cli.check import check
from segue.cli.client import Client
from segue.cli.flow import read
from segue.cli.follow import exit_code, wait_for_end, watch
from segue.cli.options import Inputs, split_inputs
from segue.cli.private_server import temporary_server
from segue.domain.errors import SegueError


class Output(StrEnum):
    """How the run is shown."""

    TEXT = "text"
    JSON = "json"


def run_flow(
    file: Annotated[Path, typer.Argument(help="File with the flow. With several documents the first one runs.")],
    inputs: Inputs = None,
    output: Annotated[Output, typer.Option(help="text, or json for one JSON document.")] = Output.TEXT,
) -> None:
    """Run a flow once on a server of its own; exit code 0 when it ends with SUCCESS or WARNING."""
    texts, uploads = split_inputs(inputs)
    source = read(file)
    if faults := check(file, source).faults:
        raise SegueError("\n".join(faults))
    with temporary_server() as server, Client(server.url) as client:
        flow = client.deploy(source)[0]
        execution = client.start(flow["namespace"], flow["id"], texts, uploads)
        if output is Output.JSON:
            ended = wait_for_end(client, execution["id"])
            typer.echo(json.dumps(_document(client, ended), ensure_ascii=False, indent=2))
        else:
            ended = watch(client, execution["id"], Console())
    raise typer.Exit(exit_code(ended))


def _document(client: Client, execution: dict[str, Any]) -> dict[str, Any]:
    return {
        "execution": execution,
        "taskOutputs": client.outputs(execution["id"]),
        "logs": client.logs(execution["id"]),
    }
