"""Names of images, and who may fetch them (core plugins 15). Pure."""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

HUB = "https://index.docker.io/v1/"
_HUB_SPELLINGS = frozenset(
    {"docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com", "hub.docker.com"}
)


class ImageName(NamedTuple):
    """An image: its repository, and the tag or digest."""

    repository: str
    tag: str

    @property
    def registry(self) -> str:
        """The host of its registry, as credentials are filed under."""
        first, slash, _ = self.repository.partition("/")
        is_host = slash and ("." in first or ":" in first or first == "localhost")
        return normalised_registry(first) if is_host else HUB

    def __str__(self) -> str:
        return f"{self.repository}{'@' if ':' in self.tag else ':'}{self.tag}"


def read_image(text: str) -> ImageName:
    """The parts of a name; ``latest`` when there is no tag. A digest wins over a tag beside it."""
    name, at, digest = text.strip().partition("@")
    head, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        head, tag = name, "latest"
    return ImageName(head, digest if at else tag)


def normalised_registry(registry: str) -> str:
    """A registry as credentials are filed under: all spellings of Docker Hub are one, ``/v2`` is cut."""
    bare = registry.strip().removeprefix("https://").removeprefix("http://").rstrip("/")
    bare = bare.removesuffix("/v1").removesuffix("/v2").rstrip("/")
    return HUB if bare.lower() in _HUB_SPELLINGS else bare


def login_for(image: ImageName, config: Mapping[str, Any]) -> dict[str, str] | None:
    """What a Docker config file has under ``auths`` for the registry of an image; None when it has nothing."""
    auths = config.get("auths")
    if not isinstance(auths, Mapping):
        return None
    for registry, entry in auths.items():
        if normalised_registry(str(registry)) == image.registry and isinstance(entry, Mapping):
            return login_of(image.registry, entry)
    return None


def login_of(registry: str, entry: Mapping[str, Any]) -> dict[str, str]:
    """The login the Engine API takes, from an entry of a config file or the property ``credentials``."""
    login = {key: str(entry[key]) for key in ("username", "password") if entry.get(key)}
    for name in ("identitytoken", "identityToken"):
        if entry.get(name):
            login["identitytoken"] = str(entry[name])
    for name in ("registrytoken", "registryToken"):
        if entry.get(name):
            login["registrytoken"] = str(entry[name])
    if "username" not in login and entry.get("auth"):
        try:
            user, colon, password = base64.b64decode(str(entry["auth"])).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            user, colon, password = "", "", ""
        if colon:
            login |= {"username": user, "password": password}
    return {**login, "serveraddress": registry}


def auth_header(login: Mapping[str, str]) -> str:
    """The value of the header ``X-Registry-Auth``."""
    return base64.urlsafe_b64encode(json.dumps(login).encode()).decode()


def secrets_of(login: Mapping[str, str]) -> list[str]:
    """What must not appear in logs."""
    return [login[key] for key in ("password", "identitytoken", "registrytoken") if login.get(key)]
