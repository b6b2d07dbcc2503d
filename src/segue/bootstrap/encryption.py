"""What encrypts secret inputs and outputs: the configured key, or one of its own for a server with its own data."""

import base64
import os
import secrets
from pathlib import Path

from segue.config import Configuration, ConfigurationError
from segue.config.sections import RepositoryType
from segue.domain.errors import SegueError
from segue.ports.encryption import Cipher

KEY_FILE = "encryption.key"


def open_cipher(configuration: Configuration) -> Cipher | None:
    """The cipher of this server.

    Without ``segue.encryption.secret-key`` a server on SQLite has a key of its own in the data folder, made once
    and readable for its user only; a server on another database has none, and refuses secret inputs.
    Raises ``ConfigurationError`` for a key that is none.
    """
    configured = configuration.encryption.secret_key
    if configured is not None:
        return _cipher(configured.get_secret_value(), "segue.encryption.secret-key")
    if configuration.repository.type is not RepositoryType.SQLITE or configuration.repository.datasource is not None:
        return None
    path = Path(configuration.data_dir) / KEY_FILE
    return _cipher(_own_key(path), str(path))


def _cipher(key: str, origin: str) -> Cipher:
    from segue.adapters.secrets.aes import AesCipher

    try:
        return AesCipher(key)
    except SegueError as error:
        raise ConfigurationError(f"{origin}: {error.message}") from error


def _own_key(path: Path) -> str:
    """The key in a file, made by the first who asks. Raises ``ConfigurationError`` when that is not possible."""
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(base64.b64encode(secrets.token_bytes(32)) + b"\n")
            try:
                os.link(draft, path)
            except FileExistsError:
                pass  # another process was first
            finally:
                draft.unlink()
        return path.read_text().strip()
    except OSError as error:
        raise ConfigurationError(f"the key for secret inputs cannot be kept in {path}: {error}") from error
