"""Every row of the table of language rules, as data in `conformance_table.yaml`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from segue.expr import Dialect, Engine, ExpressionError, Services

ROWS: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("conformance_table.yaml").read_text("utf-8"))
DIALECTS = {"1": [Dialect.V1], "2": [Dialect.V2]}
CASES = [
    pytest.param(row, dialect, id=f"{row['id']}-{dialect.value}")
    for row in ROWS
    for dialect in DIALECTS.get(str(row.get("dialect")), [Dialect.V1, Dialect.V2])
]


@pytest.fixture(scope="module")
def engines() -> dict[Dialect, Engine]:
    return {dialect: Engine(dialect=dialect) for dialect in Dialect}


@pytest.mark.parametrize(("row", "dialect"), CASES)
def test_row(
    row: dict[str, Any],
    dialect: Dialect,
    engines: dict[Dialect, Engine],
    services: Services,
    run_context: dict[str, Any],
) -> None:
    engine = engines[dialect]
    context = {**run_context, **row["context"]} if row.get("fixture") else row["context"]
    used = replace(services, time_zone=row.get("tz", "UTC"))
    render = engine.render_typed if row.get("typed") else engine.render
    if "error" in row:
        with pytest.raises(ExpressionError) as caught:
            render(row["template"], context, used)
        assert row["error"] == "*" or row["error"] in str(caught.value)
        return
    result = render(row["template"], context, used)
    if row.get("json"):
        assert json.loads(result) == (json.loads(row["expect"]) if isinstance(row["expect"], str) else row["expect"])
    elif row.get("typed") and isinstance(row["expect"], list | dict):
        assert json.loads(engine.render("{{ r }}", {"r": result}) or "") == row["expect"]
    else:
        assert result == row["expect"]
        assert type(result) is type(row["expect"])


def test_the_table_is_complete() -> None:
    ids = [row["id"] for row in ROWS]
    assert len(ids) == len(set(ids)) == 446
