"""``segue demo``: a server, the examples, one of them running before your eyes."""

import signal
import socket
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.panel import Panel
from rich.rule import Rule

from segue.cli.client import Client
from segue.cli.flow import files, read
from segue.cli.follow import exit_code, watch
from segue.cli.private_server import PrivateServer, private_server

_PORTS = {"--port": 8080, "--management-port": 8081, "--grpc-port": 50051}
_FLOW = ("company.team", "parallel-greetings", {"name": "Ada"})


def demo(
    exit_: Annotated[bool, typer.Option("--exit", help="End after the run, with its exit code.")] = False,
    examples: Annotated[Path, typer.Option(help="Folder with flows to deploy.")] = Path("examples"),
    data_dir: Annotated[Path, typer.Option(help="Folder of the database and the files.")] = Path("data"),
) -> None:
    """Start a server, deploy the examples, run one and show it."""
    console = Console()
    sources = list(files([examples]))
    options = _ports(console)
    console.print(Rule("Segue demo", align="left"))
    console.print(f"Starting a server with its data in [bold]{data_dir}[/] …")
    with private_server(data_dir, options) as server:
        code = _show(console, server, sources)
        if not exit_:
            _stay(console, server)
    raise typer.Exit(code if exit_ else 0)


def _show(console: Console, server: PrivateServer, sources: list[Path]) -> int:
    namespace, flow_id, inputs = _FLOW
    with Client(server.url) as client:
        for path in sources:
            for flow in client.deploy(read(path)):
                console.print(f"  deployed [bold]{flow['namespace']}.{flow['id']}[/] revision {flow.get('revision')}")
        given = ", ".join(f"{key}={value}" for key, value in inputs.items())
        console.print(Rule(f"Running {namespace}.{flow_id} with {given}", align="left"))
        execution = client.start(namespace, flow_id, inputs)
        return exit_code(watch(client, execution["id"], console))


def _stay(console: Console, server: PrivateServer) -> None:
    namespace, flow_id, inputs = _FLOW
    form = " ".join(f"-F {key}={value}" for key, value in inputs.items())
    console.print()
    console.print(
        Panel(
            f"API    [bold]{server.url}/api/v1/main[/]\n"
            f"Log    {server.log}\n\n"
            f"curl -X POST {server.url}/api/v1/main/executions/{namespace}/{flow_id} {form}\n\n"
            "The server runs until Ctrl-C.",
            title="Running",
            title_align="left",
            expand=False,
        )
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        signal.pause()
    except KeyboardInterrupt:
        console.print("Stopping …")


def _ports(console: Console) -> list[str]:
    options = []
    for option, port in _PORTS.items():
        if not _is_free(port):
            console.print(f"Port {port} is taken: a free one is used for {option.removeprefix('--')}.")
            port = 0  # noqa: PLW2901  the value to use
        options += [option, str(port)]
    return options


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
