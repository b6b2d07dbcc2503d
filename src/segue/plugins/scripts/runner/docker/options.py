"""Objects among the properties of the Docker task runner (core plugins 15)."""

import re
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from segue.sdk import Property, TaskFailed

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", re.IGNORECASE)
_FACTORS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}
UNLIMITED = -1


class PullPolicy(StrEnum):
    """When the image is fetched from its registry."""

    IF_NOT_PRESENT = "IF_NOT_PRESENT"
    ALWAYS = "ALWAYS"
    NEVER = "NEVER"


class FileHandling(StrEnum):
    """How files get into the container: through a volume of its own, or as a mount of the worker's folder."""

    VOLUME = "VOLUME"
    MOUNT = "MOUNT"


class _Part(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True, coerce_numbers_to_str=True
    )


class Cpu(_Part):
    """How much of the processors the container gets."""

    cpus: Property[float] | None = None
    """Number of processors, such as `0.5`."""


class Memory(_Part):
    """How much memory the container gets. Sizes are such as `64MB`, `1GB`; `-1` is without a limit for `memorySwap`."""

    memory: Property[str] | None = None
    """The most it may use."""
    memory_swap: Property[str] | None = None
    """The most memory and swap space together; `-1` for any amount of swap space."""
    memory_swappiness: Property[int] | None = None
    """How readily its memory is swapped out, 0 to 100."""
    memory_reservation: Property[str] | None = None
    """What it is kept to when memory is short on the machine."""
    kernel_memory: Property[str] | None = None
    """The most memory of the kernel; engines of today refuse or ignore it."""
    oom_kill_disable: Property[bool] | None = None
    """Whether programs are not ended when there is not enough memory."""


class DeviceRequest(_Part):
    """Devices, such as graphics processors, that the container gets."""

    driver: Property[str] | None = None
    """The name of the driver, such as `nvidia`."""
    count: Property[int] | None = None
    """How many; `-1` for all."""
    device_ids: Property[list[str]] | None = None
    """Which ones, by id."""
    capabilities: Property[list[list[str]]] | None = None
    """What they have to be able to do: a list of alternatives, each a list such as `[gpu]`."""
    options: Property[dict[str, str]] | None = None
    """Options of the driver."""


class Credentials(_Part):
    """How to log in to the registry of the image."""

    registry: Property[str] | None = None
    """The registry; that of the image unless given."""
    username: Property[str] | None = None
    """Name of the user."""
    password: Property[str] | None = None
    """Password of the user."""
    registry_token: Property[str] | None = None
    """A token for the registry."""
    identity_token: Property[str] | None = None
    """A token in place of a password."""
    auth: Property[str] | None = None
    """User and password as `user:password` in Base64."""


def size_in_bytes(text: str, name: str) -> int:
    """The bytes of a size such as ``64MB`` or ``1.5g``; units are powers of 1024. Raises ``TaskFailed``."""
    if text.strip() == "-1":
        return UNLIMITED
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise TaskFailed(f"{name} is no size such as 64MB or 1GB: '{text[:50]}'")
    return int(float(match[1]) * _FACTORS[match[2].lower()])


def without_nothing(values: dict[str, Any]) -> dict[str, Any]:
    """The entries that have a value."""
    return {key: value for key, value in values.items() if value is not None and value not in ("", [], {})}
