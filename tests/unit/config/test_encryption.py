"""The key that encrypts secret inputs."""

import re
import stat
from pathlib import Path

import pytest

from segue.bootstrap.encryption import KEY_FILE, open_cipher
from segue.config import Configuration, ConfigurationError, load


def configuration(folder: Path, more: str = "") -> Configuration:
    file = folder / "segue.yml"
    file.write_text(f"segue:\n  data-dir: {folder / 'data'}\n{more}")
    return load(file, environ={}).configuration


def test_a_server_on_sqlite_keeps_a_key_of_its_own(tmp_path: Path):
    first = open_cipher(configuration(tmp_path))
    assert first is not None
    text = first.encrypt("a word")
    path = tmp_path / "data" / KEY_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == [KEY_FILE]
    again = open_cipher(configuration(tmp_path))
    assert again is not None
    assert again.decrypt(text) == "a word"


def test_a_server_on_another_database_needs_one_that_is_given(tmp_path: Path):
    assert open_cipher(configuration(tmp_path, "  repository: {type: postgres}\n")) is None


def test_a_key_that_is_none_is_refused(tmp_path: Path):
    with pytest.raises(ConfigurationError, match=r"encryption\.secret-key"):
        open_cipher(configuration(tmp_path, "  encryption: {secret-key: abc}\n"))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / KEY_FILE).write_text("abc")
    with pytest.raises(ConfigurationError, match=re.escape(KEY_FILE)):
        open_cipher(configuration(tmp_path))
