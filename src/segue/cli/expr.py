"""``segue expr``: expressions tried without a server."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from segue.domain.errors import SegueError

app = typer.Typer(
    help="Try expressions without a server.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Context = Annotated[
    Path | None, typer.Option("--context", help="JSON file with the variables, `-` for the standard input.")
]
Typed = Annotated[bool, typer.Option("--typed", help="Keep the type of the value and print it as JSON.")]
Dialect = Annotated[str, typer.Option("--dialect", help="1 (1.x) or 2 (2.0).")]
TimeZone = Annotated[str, typer.Option("--timezone", help="Zone that dates are shown in where none is named.")]
Batch = Annotated[
    Path | None,
    typer.Option("--batch", help="File with one JSON object per line: template, context, dialect, typed, timezone."),
]


@app.callback()
def group() -> None:
    """Try expressions without a server."""


@app.command(name="eval")
def evaluate(
    template: Annotated[str | None, typer.Argument(help="The text with expressions.")] = None,
    context: Context = None,
    typed: Typed = False,
    dialect: Dialect = "2",
    timezone: TimeZone = "UTC",
    batch: Batch = None,
) -> None:
    """Evaluate one text, or with --batch one per line; answers are JSON lines {"result": ...} or {"error": ...}.

    Dates and durations are ISO-8601 texts in JSON, bytes are base64. Nothing outside of the text and its variables
    can be reached: no secrets, no KV store, no files, no network.
    """
    from segue.cli.expressions import Evaluator

    if (template is None) == (batch is None):
        raise typer.BadParameter("give either a text or --batch")
    evaluator = Evaluator(dialect, timezone, typed=typed)
    if batch is not None:
        with _lines(batch) as lines:
            _print_lines(evaluator.answers(lines))
        return
    assert template is not None
    result = evaluator.evaluate(template, {} if context is None else evaluator.read_context(_text(context)))
    _print_lines([result])


def _lines(path: Path) -> Any:
    try:
        return sys.stdin.buffer if str(path) == "-" else path.open("rb")
    except OSError as error:
        raise SegueError(f"{path}: {error.strerror}") from error


def _text(path: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise SegueError(f"{path}: {error.strerror}") from error


def _print_lines(lines: Iterable[str]) -> None:
    """Each line as soon as it is there. A reader that has gone ends the command."""
    try:
        for line in lines:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
    except BrokenPipeError:
        sys.stderr.close()  # nothing is left to be said at the end of the process either
        raise SystemExit(1) from None
