"""Whatever a template says, it ends soon, with a value or an `ExpressionError`, and shows nothing of the inside.

`SEGUE_FUZZ_TEMPLATES` is how many templates are tried (default 20,000; nightly 1,000,000), `SEGUE_FUZZ_SEED` where the
random numbers begin. A failure prints the template; `tests/fuzz/README.md` says how to go on from there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from random import Random
from time import monotonic, process_time
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segue.expr import Dialect, Engine, ExpressionError, FileReference, KvValue, Limits, SecretValue, Services
from tests.fuzz.grammar import mutation, template

TEMPLATES = int(os.environ.get("SEGUE_FUZZ_TEMPLATES", "20000"))
SEED = int(os.environ.get("SEGUE_FUZZ_SEED", "1"))
LONGEST_SECONDS = 2.0
SECRET = "s3cr3t-Value_9"
TABLE = Path(__file__).parents[1] / "unit" / "expr" / "conformance_table.yaml"
KNOWN: list[str] = [row["template"] for row in yaml.safe_load(TABLE.read_text("utf-8"))]
INSIDE = re.compile(r"<function|<class|<bound method|<built-in|<lambda>| object at 0x|<module|<segue|Traceback|ABSENT")


class State(Enum):
    SUCCESS = "SUCCESS"


class _Store:
    """Secrets, KV and files in one: a little of each."""

    def read(self, *arguments: Any) -> Any:
        if isinstance(arguments[0], FileReference):
            if arguments[0].path != "data/hello.txt":
                raise FileNotFoundError(arguments[0].path)
            return b"hi\n"
        return None

    def size(self, file: FileReference) -> int:
        return len(self.read(file))

    def exists(self, file: FileReference) -> bool:
        return file.path == "data/hello.txt"

    def uri(self, file: FileReference) -> str:
        return f"kestra:///{file.path}"


class _Secrets:
    def used(self, value: str) -> None:
        pass

    def read(self, namespace: str, key: str) -> SecretValue | None:
        return {"API": SecretValue(SECRET), "CFG": SecretValue(f'{{"user":"{SECRET}"}}')}.get(key)


class _KeyValues:
    def read(self, namespace: str, key: str) -> KvValue | None:
        return KvValue([1, {"a": "b"}]) if key == "name" else None


def _deep(levels: int) -> Any:
    value: Any = "end"
    for _ in range(levels):
        value = [value]
    return value


CONTEXT: dict[str, Any] = {
    "a": {"b": [1, None, {"c": "x"}], "size": 2, "1": "one", "key": SECRET},
    "s": "text 1,2", "n": None, "i": -3, "f": 2.5, "t": True, "d": "2024-03-05T14:07:09.123456Z", "l": [3, 1, 2, "x", None],
    "m": {"b": 1, "c": {"d": [1.5, 1e21, float("nan")]}, "e": None}, "deep": _deep(300), "wide": list(range(2000)), "long": "ab1 " * 2000,
    "dec": Decimal("1E+3000"), "day": date(2024, 2, 29), "at": datetime(2024, 3, 5, 14, 7, 9, 123456, tzinfo=UTC),
    "span": timedelta(days=3, seconds=5), "raw": b"\xe0\x01\x00\xea\x21\x05", "state": State.SUCCESS, "many": [[1, 2]] * 500,
    "odd": {1: "int", 2.5: "float", None: "null"},
    "flow": {"tenantId": "main", "namespace": "company.team", "id": "f1", "revision": 1}, "execution": {"id": "e1"},
    "taskrun": {"value": "x", "iteration": 1}, "parents": [{"taskrun": {"value": "p"}, "outputs": {"o": 1}}],
    "outputs": {"b": {"x": {"value": 1}, "uri": "kestra:///company/team/f1/executions/e1/a.txt"}}, "inputs": {"id": "q", "key": SECRET},
    "tasks": {"a": {"state": "FAILED"}}, "envs": {"home": "/"},
}  # fmt: skip
LIMITS = Limits(
    max_steps=20_000,
    max_seconds=1.0,
    max_output_length=200_000,
    max_total_length=5_000_000,
    max_range=20_000,
    max_regex_input=20_000,
    max_regex_seconds=0.05,
    max_document_length=50_000,
)


def _services() -> Services:
    store: Any = _Store()
    return Services(
        clock=lambda: datetime.now(UTC),
        entropy=os.urandom,
        secrets=_Secrets(),
        kv=_KeyValues(),
        files=store,
        logs=lambda limit: [{"message": "m"}] * limit,
        free_port=lambda: 1024,
        holidays=lambda day, country, division: False,
        hidden=(SECRET,),
    )


ENGINES = {dialect: Engine(dialect=dialect, limits=LIMITS, cache_size=10) for dialect in Dialect}


def _shows_inside(value: Any, depth: int = 0) -> str:
    """A text within the value that shows Python's objects, or a value that is none of the language's."""
    if isinstance(value, str):
        found = INSIDE.search(value)
        return found[0] if found else ""
    if value is None or isinstance(value, bool | int | float | Decimal | datetime | date | timedelta | bytes | Enum):
        return ""
    if depth > 20:
        return ""
    if isinstance(value, Mapping):
        return next((shown for each in (*value, *value.values()) if (shown := _shows_inside(each, depth + 1))), "")
    if isinstance(value, list | tuple | set | frozenset):
        return next((shown for each in value if (shown := _shows_inside(each, depth + 1))), "")
    return "" if type(value).__name__ == "MapEntry" else type(value).__name__


def check(text: str, dialect: Dialect) -> None:
    """One template: text, typed value, references. Raises `AssertionError` with the template."""
    engine = ENGINES[dialect]
    started, used = monotonic(), process_time()
    for render in (engine.render, engine.render_typed):
        pieces: tuple[str, ...] = ()
        try:
            shown = _shows_inside(render(text, CONTEXT, _services()))
        except ExpressionError as error:
            pieces = (str(error), error.message, error.piece, error.suggestion, *error.available, repr(error.args))
            shown = next((found[0] for piece in pieces if (found := INSIDE.search(piece))), "")
        except Exception as error:
            raise AssertionError(f"{type(error).__name__} from {text!r}") from error
        shown = "" if shown and shown in text else shown  # written by the template itself
        assert not shown, f"{shown} shows in the result of {text!r}"
        assert not any(SECRET in piece for piece in pieces), f"a secret shows in the error of {text!r}"
    seconds = min(monotonic() - started, process_time() - used)
    assert seconds < LONGEST_SECONDS, f"{seconds:.1f} s for {text!r}"


def _allowance() -> int:
    """Seconds for one of the two bulk runs."""
    return max(120, TEMPLATES // 100)


@pytest.mark.timeout(_allowance())
def test_templates_of_the_grammar() -> None:
    random = Random(SEED)
    for number in range(TEMPLATES * 3 // 5):
        check(template(random), (Dialect.V1, Dialect.V2)[number % 2])


@pytest.mark.timeout(_allowance())
def test_mutations_of_the_conformance_templates() -> None:
    random = Random(SEED + 1)
    for number in range(TEMPLATES * 2 // 5):
        check(mutation(random, KNOWN), (Dialect.V1, Dialect.V2)[number % 2])


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.randoms(use_true_random=False), st.sampled_from(list(Dialect)))
def test_templates_drawn_by_hypothesis(random: Random, dialect: Dialect) -> None:
    check(template(random), dialect)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60), st.sampled_from(list(Dialect)))
def test_any_bytes(data: bytes, dialect: Dialect) -> None:
    check("{{" + data.decode("utf-8", "replace") + "}}", dialect)
