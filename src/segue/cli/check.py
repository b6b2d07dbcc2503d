"""The faults of flow files, found without a server."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from segue.domain.errors import FlowSyntaxError


@dataclass
class Checked:
    """What a file holds: how many flows, and ``file:line: message`` for faults and notes."""

    flows: int = 0
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def check(path: Path, text: str) -> Checked:
    """Parse every flow in ``text`` with the plugins installed here, and those of the folders that are set.

    Raises ``ConfigurationError`` when the settings cannot be read.
    """
    from segue.config import load
    from segue.domain.flow import parse_flow
    from segue.plugins.registry import PluginRegistry

    types, checked = PluginRegistry(folders=load().configuration.plugins.paths), Checked()
    for before, document in _documents(text):
        checked.flows += 1
        try:
            report = parse_flow(document, types)
        except FlowSyntaxError as error:
            checked.faults.append(f"{path}:{before + (error.line or 1)}: {error.reason}")
            continue
        checked.faults += [f"{path}:{before + (fault.line or 1)}: {fault}" for fault in report.violations]
        remarks = [*report.warnings, *(f"{place} is deprecated" for place in report.deprecation_paths)]
        checked.notes += [f"{path}:{before + 1}: note: {remark}" for remark in remarks]
    if checked.flows == 0:
        checked.faults.append(f"{path}:1: there is no flow in this file")
    return checked


def _documents(text: str) -> Iterator[tuple[int, str]]:
    """The documents of a file, each with the number of lines before it."""
    from segue.domain.flow.source import split_documents

    offset = 0
    for document in split_documents(text):
        offset = text.index(document, offset)
        yield text.count("\n", 0, offset), document
        offset += len(document)
