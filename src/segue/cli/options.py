"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from segue.cli.client import Client
from segue.domain.errors import SegueError

Server = Annotated[str, typer.Option("--server", envvar="SEGUE_SERVER_URL", help="Base URL of the server.")]
User = Annotated[
    str | None,
    typer.Option(
        "--user",
        envvar="SEGUE_USER",
        help="user:password. Better in the environment variable SEGUE_USER: a command line can be seen by others.",
    ),
]
Tenant = Annotated[str, typer.Option("--tenant", help="Tenant.")]
Config = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="Configuration file (YAML).", show_default=False),
]
Inputs = Annotated[
    list[str] | None,
    typer.Option(
        "--input", "-i", help="An input as key=value; key=@file uploads a file. Repeatable.", show_default=False
    ),
]

DEFAULT_SERVER = "http://127.0.0.1:8080"


def connect(server: str, user: str | None, tenant: str) -> Client:
    """A client for the options given. Raises ``SegueError`` when ``user`` has no password."""
    credentials = None
    if user is not None:
        name, colon, password = user.partition(":")
        if not colon:
            raise SegueError("--user needs the form user:password")
        credentials = (name, password)
    return Client(server, credentials, tenant)


def split_inputs(given: list[str] | None) -> tuple[dict[str, str], dict[str, Path]]:
    """``key=value`` pairs as texts and as files to upload. Raises ``SegueError`` for anything else."""
    texts: dict[str, str] = {}
    files: dict[str, Path] = {}
    for pair in given or []:
        key, equals, value = pair.partition("=")
        if not key or not equals:
            raise SegueError(f"--input {pair}: the form is key=value")
        if not value.startswith("@"):
            texts[key] = value
        elif (path := Path(value[1:])).is_file():
            files[key] = path
        else:
            raise SegueError(f"--input {key}: there is no file {path}")
    return texts, files
