"""``ScriptTrigger`` and ``CommandsTrigger`` of the script languages (core plugins 17.8)."""

from typing import ClassVar

from segue.plugins.scripts import go, node, ruby, shell
from segue.plugins.scripts.python import tasks as python
from segue.plugins.scripts.trigger import CommandsTrigger, ScriptTrigger
from segue.sdk import Example, Property

_PACKAGE = "io.kestra.plugin.scripts."


def _script(language: str, *lines: str) -> tuple[Example, ...]:
    text = "".join(f"  {line}\n" for line in lines)
    kind = f"{_PACKAGE}{language}.ScriptTrigger"
    code = f"id: watch\ntype: {kind}\nexitCondition: exit 0\ninterval: PT10S\nscript: |\n{text}"
    return (Example("Start when a program ends well", code),)


def _commands(language: str, command: str) -> tuple[Example, ...]:
    kind = f"{_PACKAGE}{language}.CommandsTrigger"
    code = f"id: watch\ntype: {kind}\nexitCondition: exit 0\nedge: false\ncommands:\n  - {command}\n"
    return (Example("Start at each look at which a command ends well", code),)


class GoScript(ScriptTrigger):
    """Runs a Go program now and then, and starts an execution when it meets a condition."""

    type: ClassVar[str] = _PACKAGE + "go.ScriptTrigger"
    task = go.Script
    examples: ClassVar[tuple[Example, ...]] = _script(
        "go",
        "package main",
        'import "os"',
        "func main() { if _, err := os.Stat(`/tmp/ready`); err != nil { os.Exit(1) } }",
    )


class GoCommands(CommandsTrigger):
    """Runs Go programs now and then, and starts an execution when they meet a condition."""

    type: ClassVar[str] = _PACKAGE + "go.CommandsTrigger"
    task = go.Commands
    examples: ClassVar[tuple[Example, ...]] = _commands("go", "go run check.go")


class NodeScript(ScriptTrigger):
    """Runs a JavaScript script now and then, and starts an execution when it meets a condition."""

    type: ClassVar[str] = _PACKAGE + "node.ScriptTrigger"
    task = node.Script
    examples: ClassVar[tuple[Example, ...]] = _script(
        "node", "process.exit(require('fs').existsSync('/tmp/ready') ? 0 : 1)"
    )


class NodeCommands(CommandsTrigger):
    """Runs JavaScript programs now and then, and starts an execution when they meet a condition."""

    type: ClassVar[str] = _PACKAGE + "node.CommandsTrigger"
    task = node.Commands
    examples: ClassVar[tuple[Example, ...]] = _commands("node", "node check.js")


class PythonScript(ScriptTrigger):
    """Runs a Python script now and then, and starts an execution when it meets a condition."""

    type: ClassVar[str] = _PACKAGE + "python.ScriptTrigger"
    task = python.Script
    examples: ClassVar[tuple[Example, ...]] = _script(
        "python", "import pathlib, sys", 'sys.exit(0 if pathlib.Path("/tmp/ready").exists() else 1)'
    )

    exit_condition: Property[str] = Property.of("exit 0")
    """As for the other languages; without one the script has to end well."""


class PythonCommands(CommandsTrigger):
    """Runs Python programs now and then, and starts an execution when they meet a condition."""

    type: ClassVar[str] = _PACKAGE + "python.CommandsTrigger"
    task = python.Commands
    examples: ClassVar[tuple[Example, ...]] = _commands("python", "python3 check.py")

    exit_condition: Property[str] = Property.of("exit 0")
    """As for the other languages; without one the script has to end well."""


class RubyScript(ScriptTrigger):
    """Runs a Ruby script now and then, and starts an execution when it meets a condition."""

    type: ClassVar[str] = _PACKAGE + "ruby.ScriptTrigger"
    task = ruby.Script
    examples: ClassVar[tuple[Example, ...]] = _script("ruby", "exit(File.exist?('/tmp/ready') ? 0 : 1)")


class RubyCommands(CommandsTrigger):
    """Runs Ruby programs now and then, and starts an execution when they meet a condition."""

    type: ClassVar[str] = _PACKAGE + "ruby.CommandsTrigger"
    task = ruby.Commands
    examples: ClassVar[tuple[Example, ...]] = _commands("ruby", "ruby check.rb")


class ShellScript(ScriptTrigger):
    """Runs a shell script now and then, and starts an execution when it meets a condition."""

    type: ClassVar[str] = _PACKAGE + "shell.ScriptTrigger"
    task = shell.Script
    examples: ClassVar[tuple[Example, ...]] = _script("shell", "test -f /tmp/ready")


class ShellCommands(CommandsTrigger):
    """Runs commands now and then, and starts an execution when they meet a condition."""

    type: ClassVar[str] = _PACKAGE + "shell.CommandsTrigger"
    task = shell.Commands
    examples: ClassVar[tuple[Example, ...]] = _commands("shell", "test -f /tmp/ready")
