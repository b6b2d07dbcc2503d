"""The one place where errors become a line and an exit code."""

import sys
from collections.abc import Sequence

import typer

from segue.domain.errors import SegueError


def run_app(app: typer.Typer, arguments: Sequence[str], name: str) -> int:
    """Run one command of ``app`` and return its exit code. An error of ours is one line on stderr."""
    try:
        app(args=list(arguments), prog_name=name)
    except SegueError as error:
        sys.stderr.write(f"segue: {error.message}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    return 0
