"""The page: the guide, and an entry for everything that has a name."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields

from segue.expr.callables import Spec
from segue.expr.dialects import PRECEDENCE, Dialect
from segue.expr.filters import FILTERS
from segue.expr.functions import FUNCTIONS
from segue.expr.limits import MEANING, Limits
from segue.expr.reference import guide
from segue.expr.reference.date_formats import format_rows
from segue.expr.reference.docstrings import Entry, read_docstring
from segue.expr.reference.operators import OPERATORS
from segue.expr.reference.readings import reading_rows
from segue.expr.reference.tag_entries import TAGS
from segue.expr.reference.variables import VARIABLES
from segue.expr.tests import TESTS

__all__ = ["reference"]

_ORIGINAL = {"1.x, 2.0": "Kestra 1.x and 2.0", "1.x": "Kestra 1.x only", "2.0": "Kestra 2.0"}
_MODULES = {
    "strings": "Text",
    "text_parts": "Text",
    "regex": "Text",
    "collections": "Lists and maps",
    "numbers": "Numbers and types",
    "structured": "Structured data",
    "dates": "Dates",
    "values": "All tests",
    "calendar": "Calendar",
    "crypto": "General",
    "identifiers": "General",
    "render": "Rendering",
    "run": "The execution",
    "files": "Data",
    "stores": "Data",
}
_FUNCTION_FAMILIES = {
    **dict.fromkeys(("max", "min", "range", "now", "fromJson", "yaml", "fromIon", "env"), "General"),
    "http": "Data",
    "subflow": "Data",
}
_SIGNS = {
    ".": "dot",
    "|": "pipe",
    "(": "call",
    ")": "end",
    "~": "tilde",
    "+": "plus",
    "-": "minus",
    "*": "times",
    "/": "by",
    "%": "modulo",
    "=": "equal",
    "<": "less",
    "?": "question",
    ":": "colon",
}
_FILTER_FAMILIES = ("Text", "Lists and maps", "Numbers and types", "Structured data", "Dates")
_FUNCTION_ORDER = ("General", "Rendering", "The execution", "Data", "Calendar")


@dataclass(frozen=True, slots=True)
class _Item:
    """An entry on the page: its anchor, its heading, how it is written, and what its docstring says."""

    kind: str
    name: str
    family: str
    usage: str
    entry: Entry
    aliases: tuple[str, ...] = ()

    @property
    def anchor(self) -> str:
        words = re.findall(r"\w+|[^\w\s]", self.name)
        return "-".join((self.kind, *(_SIGNS.get(word, word) for word in words)))


def reference() -> str:
    """The page as Markdown. Raises ValueError for a docstring that does not follow the form."""
    operators = [
        _Item("operator", _symbol(usage), family, usage, read_docstring(text))
        for family, entries in OPERATORS.items()
        for usage, text in entries.items()
    ]
    tags = [_Item("tag", name, "", f"{{% {name} %}}", read_docstring(text)) for name, text in TAGS.items()]
    filters = _callables("filter", FILTERS, lambda name, given: f"value | {name}{given}")
    functions = _callables("function", FUNCTIONS, lambda name, given: f"{name}{given or '()'}")
    tests = _callables("test", TESTS, lambda name, given: f"value is {name}{given}")
    sections = [
        ("Operators", _precedence(), _families(operators, OPERATORS)),
        ("Tags", "", [("", tags)]),
        ("Filters", "", _families(filters, _FILTER_FAMILIES)),
        ("Functions", "", _families(functions, _FUNCTION_ORDER)),
        ("Tests", "", [("", tests)]),
    ]
    guides = _guides()
    parts = [guide.HEAD, _contents(guides, sections), *guides]
    for title, intro, families in sections:
        parts.append(f"## {title}\n\n{intro}" + "\n".join(_section(family, items) for family, items in families))
    parts.append(_index([*filters, *functions, *tests, *tags]))
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def _guides() -> list[str]:
    example = ",\n".join(f' "{name}": {json.dumps(value, ensure_ascii=False)}' for name, value in VARIABLES.items())
    shown = f"<details><summary>Variables of the examples</summary>\n\n```json\n{{\n{example}\n}}\n```\n\n</details>\n"
    return [
        f"{guide.START}\n{shown}",
        guide.VALUES,
        guide.VARIABLES_HEAD + guide.VARIABLES_TAIL,
        guide.DATES.replace("{formats}", format_rows()),
        guide.DIFFERENCES.replace("{readings}", reading_rows()),
        guide.LIMITS_HEAD + _limits(),
    ]


def _symbol(usage: str) -> str:
    """The operator itself."""
    if usage.startswith("-"):
        return "unary -"
    return re.sub(r"\b(a|b|c|test|filter|f)\b", "", usage).strip().replace("  ", " ") or usage


def _callables(kind: str, specs: Mapping[str, Spec], usage: Callable[[str, str], str]) -> list[_Item]:
    """One item for each function, under its first name; the others are its aliases."""
    names: dict[int, list[str]] = {}
    for name, spec in specs.items():
        names.setdefault(id(spec.function), []).append(name)
    items = []
    for first, *others in names.values():
        spec = specs[first]
        entry = read_docstring(spec.function.__doc__ or "")
        family = _FUNCTION_FAMILIES.get(first) if kind == "function" else None
        module = spec.function.__module__.rpartition(".")[2]
        written = usage(first, _signature(entry))
        items.append(_Item(kind, first, family or _MODULES.get(module, "General"), written, entry, tuple(others)))
    return sorted(items, key=lambda item: item.name.lower())


def _signature(entry: Entry) -> str:
    parts = [each.name if not each.default else f"{each.name}=" for each in entry.arguments]
    shown = [
        part + (each.default if each.default not in ("", "optional") else "…" if each.default else "")
        for part, each in zip(parts, entry.arguments, strict=True)
    ]
    return f"({', '.join(shown)})" if shown else ""


def _families(items: Iterable[_Item], order: Iterable[str]) -> list[tuple[str, list[_Item]]]:
    found: dict[str, list[_Item]] = {family: [] for family in order}
    for item in items:
        found[item.family].append(item)
    return list(found.items())


def _contents(guides: Iterable[str], sections: Iterable[tuple[str, str, list[tuple[str, list[_Item]]]]]) -> str:
    lines = ["## Contents", ""]
    for text in guides:
        for line in text.splitlines():
            if line.startswith(("## ", "### ")):
                level, title = line.split(" ", 1)
                lines.append(f"{'  ' * (len(level) - 2)}- [{title}](#{_slug(title)})")
    for title, _, families in sections:
        lines.append(f"- [{title}](#{_slug(title)})")
        for family, items in families:
            links = " · ".join(f"[`{item.name}`](#{item.anchor})" for item in items)
            lines.append(f"  - {family}: {links}" if family else f"  - {links}")
    lines.append("- [All names](#all-names)")
    return "\n".join(lines) + "\n"


def _slug(title: str) -> str:
    """The anchor that Markdown renderers give to a heading."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def _section(family: str, items: list[_Item]) -> str:
    head = f"### {family}\n\n" if family else ""
    rows = "\n".join(f"| [`{_cell(item.usage)}`](#{item.anchor}) | {_cell(item.entry.summary)} |" for item in items)
    table = f"| Written | Meaning |\n|---|---|\n{rows}\n\n"
    return head + table + "\n".join(_entry(item) for item in items)


def _entry(item: _Item) -> str:
    entry = item.entry
    parts = [f'<a id="{item.anchor}"></a>\n\n#### `{item.name}`', f"`{item.usage}`", entry.summary, *entry.details]
    if entry.arguments:
        parts.append(_arguments(entry))
    facts = []
    if entry.result:
        kind, _, remark = entry.result.partition(": ")
        facts.append(f"- **Result** {kind}: {_begun(remark)}")
    facts += [f"- **Error** `{name}`: {text}" for name, text in entry.errors]
    original = _ORIGINAL[", ".join(entry.available)]
    others = ", ".join(f"`{name}` ({since})" for name, since in entry.aliases)
    facts.append(f"- **In** {original}" + (f", also under the name {others}" if others else "") + ".")
    parts.append("\n".join(facts))
    shown = "\n".join(example.source.replace("\n", " ") for example in entry.examples)
    parts.append(f"```pebble\n{shown}\n```")
    return "\n\n".join(parts) + "\n"


def _begun(remark: str) -> str:
    """The remark going on after a colon: abbreviations keep their case."""
    return remark[:1].lower() + remark[1:] if remark[1:2].islower() else remark


def _arguments(entry: Entry) -> str:
    rows = ["| Argument | Type | Default | Meaning |", "|---|---|---|---|"]
    for each in entry.arguments:
        default = {"": "required", "optional": "none"}.get(each.default, f"`{_cell(each.default)}`")
        if each.name.endswith("..."):
            default = "any number"
        rows.append(f"| `{each.name}` | {each.type} | {default} | {_cell(each.meaning)} |")
    return "\n".join(rows)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _precedence() -> str:
    """Levels of both dialects, the tightest first."""
    lines = ["What stands higher binds tighter; within a line from left to right.", ""]
    lines += ["| 1.x | 2.0 |", "|---|---|", "| `.` `[ ]` calls, then `not` `-` `+` before a value | the same |"]
    levels = sorted({level for table in PRECEDENCE.values() for level in table.values()}, reverse=True)
    for level in levels:
        cells = [
            " ".join(f"`{_cell(op)}`" for op, own in PRECEDENCE[dialect].items() if own == level)
            for dialect in (Dialect.V1, Dialect.V2)
        ]
        lines.append(f"| {cells[0]} | {'the same' if cells[0] == cells[1] else cells[1]} |")
    lines.append("| `? :` | the same |")
    return "\n".join(lines) + "\n\n"


def _limits() -> str:
    limits = Limits()
    return "".join(
        f"| `{field.name.replace('_', '-')}` | {getattr(limits, field.name):,} | {field.metadata[MEANING]} |\n"
        for field in fields(Limits)
    )


def _index(items: Iterable[_Item]) -> str:
    rows = []
    for item in items:
        rows += [(name, item) for name in (item.name, *item.aliases)]
    rows.sort(key=lambda row: (row[0].lower(), row[1].kind))
    links = "\n".join(f"- [`{name}`](#{item.anchor}) ({item.kind})" for name, item in rows)
    return f"## All names\n\n{links}\n"
