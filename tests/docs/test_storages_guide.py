"""Every configuration of the page on storages is one that a server takes."""

import re
from pathlib import Path

import pytest
from tests.processes import ROOT

from segue.bootstrap.backends import open_storage
from segue.config.loader import load
from segue.config.storages import StorageType

PAGE = (ROOT / "docs" / "guides" / "storages.md").read_text(encoding="utf-8")
CONFIGURATIONS = [
    pytest.param(text, id=f"{number}-{re.findall(r'type: (.+)', text)[0]}")
    for number, text in enumerate(re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
]


@pytest.mark.parametrize("text", CONFIGURATIONS)
def test_a_server_takes_it(text: str, tmp_path: Path) -> None:
    file = tmp_path / "segue.yml"
    file.write_text(text)
    loaded = load(file, {})
    assert loaded.notes == ()
    open_storage(loaded.configuration, shared=False)


def test_every_type_is_shown() -> None:
    assert {kind for text in CONFIGURATIONS for kind in re.findall(r"type: (.+)", str(text.values[0]))} == set(
        StorageType
    )
