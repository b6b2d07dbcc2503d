"""The history of the schema is one chain, and the server knows its end."""

import re
from pathlib import Path

from segue.adapters.databases.sql import migrations

VERSIONS = Path(migrations.__file__).parent / "versions"


def test_the_steps_are_one_chain_in_their_order_and_the_last_is_known() -> None:
    found = []
    for file in sorted(VERSIONS.glob("v*.py")):
        text = file.read_text(encoding="utf-8")
        revision = re.search(r'^revision = "(\d+)"$', text, re.MULTILINE)
        down = re.search(r'^down_revision = (?:"(\d+)"|None)$', text, re.MULTILINE)
        assert revision, file.name
        assert down, file.name
        assert file.name.startswith(f"v{revision[1]}_")
        found.append((revision[1], down[1]))
    assert [down for _, down in found] == [None, *(revision for revision, _ in found[:-1])]
    assert found[-1][0] == migrations.HEAD
