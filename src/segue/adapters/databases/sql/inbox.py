"""Facts as rows: shared by all who put something into an inbox."""

from collections.abc import Iterable

from segue.adapters.databases.sql import tables
from segue.adapters.databases.sql.codecs import now_micros
from segue.adapters.databases.sql.statements import Insert, Row
from segue.domain.execution.facts import Fact, encode_fact

_COLUMNS = ("execution_id", "kind", "payload", "dedup_key", "created_at")

INSERT_FACTS = Insert(tables.inbox, _COLUMNS)
"""For facts without a key."""
INSERT_KEYED_FACTS = Insert(tables.inbox, _COLUMNS, "ON CONFLICT DO NOTHING")
"""A fact whose key lies in the inbox of its execution already is dropped."""


def fact_kind(fact: Fact) -> str:
    """The tag of a fact: what its payload says it is."""
    return str(fact.__struct_config__.tag)


def fact_rows(facts: Iterable[tuple[str, Fact]]) -> list[Row]:
    """Rows for ``INSERT_FACTS`` of ``(execution id, fact)``."""
    now = now_micros()
    return [(owner, fact_kind(fact), encode_fact(fact).decode(), None, now) for owner, fact in facts]


def keyed_fact_rows(facts: Iterable[tuple[str, Fact, str | None]]) -> list[Row]:
    """Rows for ``INSERT_KEYED_FACTS`` of ``(execution id, fact, dedup key)``."""
    now = now_micros()
    return [(owner, fact_kind(fact), encode_fact(fact).decode(), key, now) for owner, fact, key in facts]
