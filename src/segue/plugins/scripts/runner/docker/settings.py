"""The properties of the Docker task runner, rendered for one run."""

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from segue.plugins.scripts.runner.docker.address import Address, find_address
from segue.plugins.scripts.runner.docker.images import (
    ImageName,
    login_for,
    login_of,
    normalised_registry,
    read_image,
    secrets_of,
)
from segue.plugins.scripts.runner.docker.options import (
    Credentials,
    DeviceRequest,
    FileHandling,
    Memory,
    PullPolicy,
    size_in_bytes,
    without_nothing,
)
from segue.plugins.scripts.runner.docker.runner import Docker
from segue.sdk import Property, RunContext, RunnerCommand, TaskFailed

_NANO = 1_000_000_000
_ENABLES_VOLUMES = ("volume-enabled", "volumeEnabled")
_LARGEST_CONFIG = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a run is to be like. ``host_config`` is in the words of the Engine API."""

    address: Address
    image: ImageName
    login: Mapping[str, str] | None = field(repr=False)
    policy: PullPolicy
    user: str
    entry_point: Sequence[str]
    ports: Sequence[str]
    host_config: Mapping[str, Any]
    handling: FileHandling
    delete: bool
    wait: bool
    resume: bool
    grace: timedelta


async def rendered(runner: Docker, context: RunContext, command: RunnerCommand) -> Settings:
    """The settings of one run. Raises ``TaskFailed`` for what cannot be."""
    if not command.image.strip():
        raise TaskFailed("This task runner needs the `containerImage` property to be set")
    image = read_image(command.image)
    login = await _login(runner, context, image)
    for secret in () if login is None else secrets_of(login):
        context.mask(secret)
    return Settings(
        address=find_address(await _value(context, runner.host), os.environ),
        image=image,
        login=login,
        policy=await _value(context, runner.pull_policy) or PullPolicy.IF_NOT_PRESENT,
        user=await _value(context, runner.user) or "",
        entry_point=await _value(context, runner.entry_point) or [""],
        ports=await _value(context, runner.port_bindings) or (),
        host_config=await _host_config(runner, context),
        handling=await _value(context, runner.file_handling_strategy) or FileHandling.VOLUME,
        delete=await _value(context, runner.delete) is not False,
        wait=await _value(context, runner.wait) is not False,
        resume=await _value(context, runner.resume) is not False,
        grace=runner.kill_grace_period,
    )


async def _value(context: RunContext, property_: Property[Any] | None) -> Any:
    return None if property_ is None else await context.render(property_)


async def _login(runner: Docker, context: RunContext, image: ImageName) -> dict[str, str] | None:
    if runner.credentials is not None:
        return await _given_login(runner.credentials, context, image)
    if runner.config is not None:
        config = await context.render(runner.config)
        return login_for(image, _config(config) if isinstance(config, str) else config or {})
    path = Path(os.environ.get("DOCKER_CONFIG") or Path(os.environ.get("HOME", "/")) / ".docker") / "config.json"
    text = await asyncio.to_thread(_own_config, path)
    try:
        return None if text is None else login_for(image, _config(text))
    except TaskFailed:
        context.logger.debug("The Docker config file %s of the worker is no JSON object", path)
        return None


async def _given_login(given: Credentials, context: RunContext, image: ImageName) -> dict[str, str]:
    names = ("username", "password", "registry_token", "identity_token", "auth")
    values = {name: await _value(context, getattr(given, name)) for name in names}
    entry = {"registryToken": values.pop("registry_token"), "identityToken": values.pop("identity_token"), **values}
    registry = await _value(context, given.registry)
    return login_of(normalised_registry(registry) if registry else image.registry, entry)


def _config(text: str) -> Mapping[str, Any]:
    try:
        config = json.loads(text or "{}")
    except ValueError:
        config = None
    if not isinstance(config, Mapping):
        raise TaskFailed("`config` is no Docker config file: it must be a JSON object")
    return config


def _own_config(path: Path) -> str | None:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(_LARGEST_CONFIG)
    except OSError:
        return None


async def _host_config(runner: Docker, context: RunContext) -> dict[str, Any]:
    cpus = None if runner.cpu is None else await _value(context, runner.cpu.cpus)
    shm_size = await _value(context, runner.shm_size)
    requests = [await _device(each, context) for each in runner.device_requests or ()]
    return without_nothing(
        {
            "NetworkMode": await _value(context, runner.network_mode),
            "ExtraHosts": await _value(context, runner.extra_hosts),
            "Binds": await _volumes(runner, context),
            "NanoCpus": None if cpus is None else int(cpus * _NANO),
            "ShmSize": size_in_bytes(shm_size, "shmSize") if shm_size else None,
            "Privileged": await _value(context, runner.privileged),
            "DeviceRequests": requests,
            **({} if runner.memory is None else await _memory(runner.memory, context)),
        }
    )


async def _volumes(runner: Docker, context: RunContext) -> list[str]:
    volumes: list[str] = await _value(context, runner.volumes) or []
    if not volumes:
        return []
    configured = context.plugin_configurations.get(runner.type, {})
    if not any(str(configured.get(name)).lower() == "true" for name in _ENABLES_VOLUMES):
        context.logger.warn(
            "`volumes` is not used: the configuration of this worker does not allow it "
            "(`volume-enabled` of %s in `plugins.configurations`)",
            runner.type,
        )
        return []
    return volumes


async def _device(request: DeviceRequest, context: RunContext) -> dict[str, Any]:
    return without_nothing(
        {
            "Driver": await _value(context, request.driver),
            "Count": await _value(context, request.count),
            "DeviceIDs": await _value(context, request.device_ids),
            "Capabilities": await _value(context, request.capabilities),
            "Options": await _value(context, request.options),
        }
    )


async def _memory(memory: Memory, context: RunContext) -> dict[str, Any]:
    sizes = {
        "Memory": (memory.memory, "memory.memory"),
        "MemorySwap": (memory.memory_swap, "memory.memorySwap"),
        "MemoryReservation": (memory.memory_reservation, "memory.memoryReservation"),
        "KernelMemory": (memory.kernel_memory, "memory.kernelMemory"),
    }
    told: dict[str, Any] = {}
    for key, (property_, name) in sizes.items():
        text = await _value(context, property_)
        told[key] = size_in_bytes(text, name) if text else None
    told["MemorySwappiness"] = await _value(context, memory.memory_swappiness)
    told["OomKillDisable"] = await _value(context, memory.oom_kill_disable)
    return told
