"""The command that a script task hands to its task runner (core plugins 17.2). Pure."""

import shlex
from collections.abc import Sequence
from typing import NamedTuple

DEBUG_FROM_HERE = "##kestra:log:debug##"
INFO_FROM_HERE = "##kestra:log:info##"
"""Lines around the output of ``beforeCommands``: what is between them is logged at DEBUG."""

LONGEST_ARGUMENT = 100_000
"""In bytes. Linux takes arguments of up to 128 KiB."""


class Shell(NamedTuple):
    """What reads the commands. ``fail_fast`` is the line that makes it end at the first failure, empty for none."""

    interpreter: tuple[str, ...]
    fail_fast: str
    is_windows: bool = False


def command_text(shell: Shell, before: Sequence[str], commands: Sequence[str]) -> str:
    """All commands as one program of the shell, so that ``cd`` and ``export`` carry over."""
    lines = [shell.fail_fast] if shell.fail_fast or shell.is_windows else []
    if before:
        lines += [f"echo '{DEBUG_FROM_HERE}'", *before, f"echo '{INFO_FROM_HERE}'"]
    return ("\r\n" if shell.is_windows else "\n").join([*lines, *commands])


def arguments(shell: Shell, before: Sequence[str], commands: Sequence[str]) -> list[str]:
    """Program and arguments: the interpreter with one text, or the commands themselves when nothing reads them."""
    if not shell.interpreter and not before:
        return list(commands)
    return [*shell.interpreter, command_text(shell, before, commands)]


def is_too_long(text: str) -> bool:
    """Whether a text cannot be an argument and has to be a file."""
    return len(text) > LONGEST_ARGUMENT or len(text.encode("utf-8", "replace")) > LONGEST_ARGUMENT


def sourced(path: str) -> str:
    """A command that reads the commands of a file, in the shells of POSIX and in PowerShell."""
    return f". {shlex.quote(path)}"
