"""Where the engine is: a socket or an address (core plugins 15)."""

import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from segue.sdk import TaskFailed

_DOCKER = "/var/run/docker.sock"
_PODMAN = "/run/podman/podman.sock"
_LAST_RESORT = "unix:///dind/docker.sock"


class Address(NamedTuple):
    """How to reach an engine. ``socket`` is a path; without it ``url`` says where to connect."""

    shown: str
    url: str
    socket: str | None = None
    certificates: Path | None = None

    def tls(self) -> ssl.SSLContext | bool:
        """Certificates of both sides from the folder that ``DOCKER_CERT_PATH`` names. Raises ``TaskFailed``."""
        if self.certificates is None:
            return True
        try:
            context = ssl.create_default_context(cafile=str(self.certificates / "ca.pem"))
            context.load_cert_chain(self.certificates / "cert.pem", self.certificates / "key.pem")
        except (OSError, ssl.SSLError) as error:
            raise TaskFailed(
                f"The certificates of the Docker host cannot be read ({error}): see DOCKER_CERT_PATH"
            ) from None
        return context


def find_address(host: str | None, environ: Mapping[str, str]) -> Address:
    """The engine of the property ``host``; without one ``DOCKER_HOST``, or the first socket there is of Docker and
    Podman. Raises ``TaskFailed`` for an address of another kind."""
    text = (host or "").strip() or environ.get("DOCKER_HOST", "").strip() or _first_socket(environ)
    if text.startswith("/"):
        text = f"unix://{text}"
    parts = urlsplit(text)
    if parts.scheme == "unix":
        return Address(text, "http://docker", socket=parts.path or f"/{parts.netloc}")
    if parts.scheme not in {"tcp", "http", "https"} or not parts.netloc:
        raise TaskFailed(
            f"The Docker host '{text[:200]}' is no address that can be used: "
            "unix:///path, tcp://host:port, http://host:port or https://host:port"
        )
    folder = environ.get("DOCKER_CERT_PATH", "")
    verified = parts.scheme == "https" or (parts.scheme == "tcp" and bool(environ.get("DOCKER_TLS_VERIFY")))
    default = Path(environ.get("HOME", "/")) / ".docker"
    certificates = Path(folder) if folder else default if (default / "cert.pem").exists() else None
    url = f"{'https' if verified else 'http'}://{parts.netloc}{parts.path.rstrip('/')}"
    return Address(text, url, certificates=certificates if verified else None)


def _first_socket(environ: Mapping[str, str]) -> str:
    own = environ.get("XDG_RUNTIME_DIR")
    found = [_DOCKER, *([f"{own}/docker.sock"] if own else []), _PODMAN]
    found += [f"{own}/podman/podman.sock"] if own else []
    for path in found:
        if os.access(path, os.F_OK):
            return f"unix://{path}"
    return _LAST_RESORT
