"""Examples that the languages have in common."""

from segue.sdk import Example


def outputs_example(package: str, *lines: str) -> Example:
    """A script that prints an output."""
    text = "".join(f"  {line}\n" for line in lines)
    return Example("Give an output to later tasks", f"id: script\ntype: {package}Script\nscript: |\n{text}")


def file_example(package: str, command: str) -> Example:
    """A command that runs a namespace file."""
    code = f"id: main\ntype: {package}Commands\nnamespaceFiles:\n  enabled: true\ncommands:\n  - {command}\n"
    return Example("Run a file of the namespace", code)
