"""The fixed form of the docstrings of filters, functions, tests, operators and tags.

Summary in one sentence or more, on the first line.

Details, any number of paragraphs.

Args:
    name (type): meaning                       required
    name (type, optional): meaning
    name (type, default X): meaning
    name... (type): meaning                    any number of them

Returns:
    type: remarks

Raises:
    Error: when

Available: 1.x, 2.0                            releases of the original that have it
Aliases: other (1.x), older (0.18)

Examples:
    {{ template }} -> result
    {{ template }} -> "result as JSON text, for line breaks and blanks"
    {{ template }} -> error: part of the message
    [1.x] {{ template }} -> result in one dialect only
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from segue.expr.dialects import Dialect

__all__ = ["Argument", "Entry", "Example", "read_docstring", "read_examples"]

_SECTION = re.compile(r"(Args|Returns|Raises|Examples):\s*|(Available|Aliases): (.+)")
_ARGUMENT = re.compile(r"([\w.]+) \(([^)]*)\): (.*)", re.DOTALL)
_ALIAS = re.compile(r"(\w+) \(([^)]*)\)")
_DIALECT = re.compile(r"\[(1\.x|2\.0)\] (.*)", re.DOTALL)
_ARROW = " -> "
_ERROR = "error: "


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument; `default` is empty for a required one, `optional` for one without a value of its own."""

    name: str
    type: str
    default: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Example:
    """A template and what it must render to, or the message that it must fail with.

    `source` is the example as written, `dialect` the only one that it holds for (None: both).
    """

    source: str
    template: str
    expected: str
    is_error: bool
    dialect: Dialect | None


@dataclass(frozen=True, slots=True)
class Entry:
    """Everything a docstring says."""

    summary: str
    details: tuple[str, ...]
    arguments: tuple[Argument, ...]
    result: str
    errors: tuple[tuple[str, str], ...]
    available: tuple[str, ...]
    aliases: tuple[tuple[str, str], ...]
    examples: tuple[Example, ...]


def read_docstring(text: str) -> Entry:
    """The entry that a docstring holds. Raises ValueError for what does not follow the form."""
    sections = _sections(inspect.cleandoc(text))
    summary, *details = sections[""]
    return Entry(
        summary=" ".join(summary.split()),
        details=tuple(" ".join(each.split()) for each in details),
        arguments=tuple(_argument(item) for item in _items(sections.get("Args", ()))),
        result=" ".join(" ".join(sections.get("Returns", ())).split()),
        errors=tuple(_named(item) for item in _items(sections.get("Raises", ()))),
        available=tuple(" ".join(sections.get("Available", ())).split(", ")) if "Available" in sections else (),
        aliases=tuple((name, since) for name, since in _ALIAS.findall(" ".join(sections.get("Aliases", ())))),
        examples=tuple(read_examples("\n".join(sections.get("Examples", ())))),
    )


def _sections(text: str) -> dict[str, list[str]]:
    """Paragraphs by section; the text before the first one is under the empty name."""
    found: dict[str, list[str]] = {"": []}
    current = ""
    for paragraph in re.split(r"\n\s*\n", text):
        lines = paragraph.split("\n")
        match = _SECTION.fullmatch(lines[0])
        if match is None:
            found[current].append(inspect.cleandoc(paragraph) if not current else paragraph)
            continue
        for line in lines:
            inline = _SECTION.fullmatch(line)
            if inline is None:
                found[current].append(line)
            elif inline[2]:
                current = inline[2]
                found[current] = [inline[3]]
            else:
                current = inline[1]
                found[current] = []
        found[current] = [inspect.cleandoc("\n" + "\n".join(found[current]))]
    return found


def _items(paragraphs: Iterable[str]) -> Iterator[str]:
    """Lines of a section, with those that are indented deeper joined to the one before."""
    item = ""
    for line in "\n".join(paragraphs).split("\n"):
        if line.startswith(" ") and item:
            item += " " + line.strip()
        else:
            if item:
                yield item
            item = line
    if item:
        yield item


def _argument(item: str) -> Argument:
    match = _ARGUMENT.fullmatch(item)
    if match is None:
        raise ValueError(f"not `name (type): meaning`: {item}")
    kind, _, default = match[2].partition(", ")
    return Argument(match[1], kind, default.removeprefix("default "), match[3])


def _named(item: str) -> tuple[str, str]:
    name, colon, text = item.partition(": ")
    if not colon:
        raise ValueError(f"not `name: text`: {item}")
    return name, text


def read_examples(text: str) -> Iterator[Example]:
    """The examples in lines of text, one a line or with deeper lines that go on.

    Raises ValueError for a line without an arrow.
    """
    for source in _items([text]):
        marked = _DIALECT.fullmatch(source)
        template, arrow, expected = (marked[2] if marked else source).rpartition(_ARROW)
        if not arrow:
            raise ValueError(f"an example has no arrow: {source}")
        expected = expected.strip()
        is_error = expected.startswith(_ERROR)
        if is_error:
            expected = expected.removeprefix(_ERROR)
        elif expected.startswith('"'):
            expected = json.loads(expected)
        yield Example(source, template, expected, is_error, Dialect(marked[1]) if marked else None)
