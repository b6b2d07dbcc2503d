"""The reference page: every example on it is run, and it says what the code has."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from segue.expr import Dialect, Engine, ExpressionError, Services
from segue.expr.callables import Spec
from segue.expr.dialects import PRECEDENCE
from segue.expr.filters import FILTERS
from segue.expr.functions import FUNCTIONS
from segue.expr.limits import Limits
from segue.expr.reference import VARIABLES, Example, read_examples, reference
from segue.expr.reference.docstrings import Entry, read_docstring
from segue.expr.reference.operators import OPERATORS
from segue.expr.reference.tag_entries import TAGS
from segue.expr.tags import _TAGS
from segue.expr.tests import TESTS

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "expressions.md"
KINDS: dict[str, dict[str, Spec]] = {"filter": dict(FILTERS), "function": dict(FUNCTIONS), "test": dict(TESTS)}
CALLABLES = [pytest.param(kind, spec, id=f"{kind}-{name}") for kind in KINDS for name, spec in KINDS[kind].items()]
SYNTAX = {**{usage: text for family in OPERATORS.values() for usage, text in family.items()}, **TAGS}
EXAMPLES = [
    pytest.param(example, dialect, id=f"{number}-{dialect.value}")
    for number, example in enumerate(
        example
        for block in re.findall(r"```pebble\n(.*?)\n```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
        for example in read_examples(block)
    )
    for dialect in Dialect
    if example.dialect in (None, dialect)
]
OUTPUT_FILE = VARIABLES["outputs"]["query"]["uri"]


class Files:
    """The namespace files of the tests, and one output."""

    def __init__(self, files: Any) -> None:
        self._files = files

    def read(self, file: Any) -> bytes:
        return b'{"x": 1}' if file.path == OUTPUT_FILE else bytes(self._files.read(file))

    def size(self, file: Any) -> int:
        return len(self.read(file))

    def exists(self, file: Any) -> bool:
        return bool(self._files.exists(file))

    def uri(self, file: Any) -> str:
        return str(self._files.uri(file))


@pytest.fixture
def services_of_the_page(services: Services) -> Services:
    return replace(
        services,
        files=Files(services.files),
        http=lambda call: {"name": "ada"} if call.uri == "https://api.example.com/user" else None,
        logs=lambda limit: [{"taskId": "load", "level": "ERROR", "message": "disk is full"}],
        free_port=lambda: 49_152,
        holidays=lambda day, country, _: (day, country) == (date(2025, 7, 14), "FR"),
    )


@pytest.mark.parametrize(("example", "dialect"), EXAMPLES)
def test_every_example_gives_what_the_page_says(
    example: Example, dialect: Dialect, engine: Engine, services_of_the_page: Services
) -> None:
    if example.is_error:
        with pytest.raises(ExpressionError, match=re.escape(example.expected)):
            engine.render(example.template, VARIABLES, services_of_the_page, dialect=dialect)
    else:
        rendered = engine.render(example.template, VARIABLES, services_of_the_page, dialect=dialect)
        assert rendered == example.expected, example.source


def test_the_page_in_the_repository_is_the_generated_one() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), "run `segue docs build`"


@pytest.mark.parametrize(("kind", "spec"), CALLABLES)
def test_every_name_is_documented_in_full(kind: str, spec: Spec) -> None:
    entry = read_docstring(spec.function.__doc__ or "")
    _is_complete(entry)
    names = tuple(each.name for each in entry.arguments)
    if spec.variadic:
        assert all(name.endswith("...") for name in names)
        assert names
    else:
        assert names == (spec.params or ())
    assert f"- [`{spec.name}`](#{kind}-" in PAGE.read_text(encoding="utf-8")
    same = {name for name, other in KINDS[kind].items() if other.function is spec.function}
    own = next(name for name in KINDS[kind] if name in same)
    assert {name for name, _ in entry.aliases} == same - {own}
    called = {name for name in same for each in entry.examples if re.search(rf"\b{name}\b", each.template)}
    assert own in called, "an example has to use it"


@pytest.mark.parametrize("usage", SYNTAX)
def test_operators_and_tags_are_documented_in_full(usage: str) -> None:
    entry = read_docstring(SYNTAX[usage])
    _is_complete(entry, has_result=usage not in TAGS)


def _is_complete(entry: Entry, *, has_result: bool = True) -> None:
    assert entry.summary.endswith(".")
    assert bool(entry.result) == has_result
    assert entry.available in (("1.x",), ("2.0",), ("1.x", "2.0"))
    assert entry.examples
    for argument in entry.arguments:
        assert argument.type
        assert argument.meaning.endswith(".")


def test_every_operator_and_tag_of_the_grammar_is_documented() -> None:
    written = " ".join(
        f"{usage} {entry.summary} {' '.join(entry.details)}"
        for family in OPERATORS.values()
        for usage, text in family.items()
        for entry in [read_docstring(text)]
    )
    words = {*written.replace("`", " ").split(), "is not"}
    for table in PRECEDENCE.values():
        for operator in table:
            assert operator in words, operator
    assert set(TAGS) == set(_TAGS)


def test_every_limit_is_explained() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for name in Limits.__dataclass_fields__:
        row = re.search(rf"^\| `{name.replace('_', '-')}` \| [\d,.]+ \| (.+) \|$", page, flags=re.MULTILINE)
        assert row, name
        assert row[1].strip(), name


def test_every_link_of_the_page_leads_somewhere() -> None:
    page = PAGE.read_text(encoding="utf-8")
    anchors = re.findall(r'<a id="([^"]+)">', page)
    assert len(anchors) == len(set(anchors))
    headings = [
        re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in page.splitlines()
        if line.startswith("#")
    ]
    for target in re.findall(r"\]\(#([^)]+)\)", page):
        assert target in anchors or target in headings, target


def test_the_names_of_both_releases_are_there() -> None:
    entries = {
        (kind, name): read_docstring(spec.function.__doc__ or "")
        for kind in KINDS
        for name, spec in KINDS[kind].items()
    }
    assert {name for (_, name), entry in entries.items() if entry.available == ("1.x",)} == {"currentEachOutput"}
    only_v2 = {name for (_, name), entry in entries.items() if entry.available == ("2.0",)}
    assert only_v2 >= {"env", "loopOutputs", "isWeekend", "isDateBetween", "regexMatch", "regexExtract", "regexReplace"}
    assert ("json", "1.x") in entries["filter", "toJson"].aliases
    assert ("json", "1.x") in entries["function", "fromJson"].aliases


@pytest.mark.parametrize("text", ["{{ a }} = b", "Args"])
def test_a_line_that_is_no_example_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no arrow"):
        list(read_examples(text))


def test_an_argument_needs_a_type() -> None:
    with pytest.raises(ValueError, match="not `name"):
        read_docstring("Does.\n\nArgs:\n    size: no type\n")
