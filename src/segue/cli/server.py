"""``segue server``: run the server, whole or in parts."""

import importlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from segue.cli.options import Config
from segue.config import ConfigurationError, load

app = typer.Typer(help="Run the server, whole or in parts.", no_args_is_help=True)

Port = Annotated[int | None, typer.Option(help="Port of the REST API. (default 8080)", show_default=False)]
ManagementPort = Annotated[
    int | None, typer.Option(help="Port of health and metrics. (default 8081)", show_default=False)
]
GrpcPort = Annotated[int | None, typer.Option(help="Port for workers. (default 50051)", show_default=False)]
DataDir = Annotated[
    Path | None, typer.Option(help="Folder of SQLite file and storage. (default data)", show_default=False)
]
WorkerThreads = Annotated[
    int | None, typer.Option(min=0, help="Tasks at the same time. (default 16)", show_default=False)
]
NoWorker = Annotated[bool, typer.Option("--no-worker", help="Start no worker.")]
Parent = Annotated[int | None, typer.Option("--parent", hidden=True, help="End with this process.")]


@dataclass(frozen=True)
class _Ports:
    """Options about addresses, as the configuration knows them."""

    http: int | None = None
    management: int | None = None
    grpc: int | None = None

    def options(self) -> dict[str, Any]:
        return {
            "server.port": self.http,
            "server.management_port": self.management,
            "controller.port": self.grpc,
        }


@app.command()
def local(
    config: Config = None,
    port: Port = None,
    management_port: ManagementPort = None,
    grpc_port: GrpcPort = None,
    data_dir: DataDir = None,
    worker_threads: WorkerThreads = None,
) -> None:
    """Everything on this machine: SQLite and files in ./data, whatever the configuration says of them."""
    options = _Ports(port, management_port, grpc_port).options() | {
        "repository": {"type": "sqlite", "datasource": None},
        "queue": {"type": "memory", "datasource": None},
        "storage": {"type": "local", "local": {"base_path": None}},
        "data_dir": data_dir or Path("data"),
        "worker.threads": worker_threads,
    }
    _serve("standalone", config, options, worker_threads=worker_threads)


@app.command()
def standalone(
    config: Config = None,
    port: Port = None,
    management_port: ManagementPort = None,
    grpc_port: GrpcPort = None,
    data_dir: DataDir = None,
    worker_threads: WorkerThreads = None,
    no_worker: NoWorker = False,
    parent: Parent = None,
) -> None:
    """Everything: the control plane, and a worker process beside it."""
    threads = 0 if no_worker else worker_threads
    options = _Ports(port, management_port, grpc_port).options() | {
        "data_dir": data_dir,
        "worker.threads": threads,
    }
    _serve("standalone", config, options, parent, threads)


@app.command()
def executor(config: Config = None, management_port: ManagementPort = None) -> None:
    """Only the executor: it decides what happens next."""
    _serve("executor", config, _Ports(management=management_port).options())


@app.command()
def scheduler(config: Config = None, management_port: ManagementPort = None) -> None:
    """Only the scheduler: it acts when a time has come."""
    _serve("scheduler", config, _Ports(management=management_port).options())


@app.command()
def controller(config: Config = None, grpc_port: GrpcPort = None, management_port: ManagementPort = None) -> None:
    """Only a controller: it hands jobs to workers."""
    _serve("controller", config, _Ports(management=management_port, grpc=grpc_port).options())


@app.command()
def webserver(config: Config = None, port: Port = None, management_port: ManagementPort = None) -> None:
    """Only the REST API."""
    _serve("webserver", config, _Ports(port, management_port).options())


@app.command()
def worker(
    config: Config = None,
    controller: Annotated[
        list[str] | None, typer.Option("--controller", help="host:port of a controller. Repeatable.")
    ] = None,
    worker_threads: WorkerThreads = None,
    management_port: ManagementPort = None,
    parent: Parent = None,
) -> None:
    """Only a worker: it runs tasks, and needs nothing but a controller."""
    from segue.bootstrap.child import ADDRESS_FOLLOWS, read_address

    environ: Mapping[str, str] = os.environ
    if controller == [ADDRESS_FOLLOWS]:
        importlib.import_module("segue.bootstrap.worker")  # what takes long, before the wait for the parent
        address, environ = read_address()
        controller = [address]
    options = _Ports(management=management_port).options() | {
        "worker.threads": worker_threads,
        "worker.controllers.static.endpoints": [_endpoint(text) for text in controller] if controller else None,
    }
    _serve("worker", config, options, parent, environ=environ)


def _endpoint(text: str) -> dict[str, Any]:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit():
        raise ConfigurationError(f"--controller {text}: the form is host:port")
    return {"host": host.strip("[]"), "port": int(port)}


def _serve(
    role: str,
    config: Path | None,
    options: dict[str, Any],
    parent: int | None = None,
    worker_threads: int | None = None,
    environ: Mapping[str, str] = os.environ,
) -> None:
    loaded = load(config, environ, options)
    if environ is not os.environ:
        from segue.bootstrap.child import chosen_environment

        os.environ.update(chosen_environment(environ, loaded.configuration.worker.environment))
    # The worker process is forked and runs another program at once: gRPC has nothing to look after.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    arguments: list[str] = []
    if config is not None:
        arguments += ["--config", str(config)]
    if worker_threads:
        arguments += ["--worker-threads", str(worker_threads)]
    child = None
    if role == "standalone" and loaded.configuration.worker.threads > 0:
        from segue.bootstrap.child import launch_worker

        child = launch_worker(arguments)
    from segue.bootstrap.process import Launch, run_role

    module = importlib.import_module(f"segue.bootstrap.{'worker' if role == 'worker' else 'control_plane'}")
    run_role(getattr(module, role), loaded, Launch(tuple(arguments), child, parent))
