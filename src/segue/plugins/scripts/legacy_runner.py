"""The properties ``runner`` and ``docker`` of 1.x, read as a task runner (core plugins 15, 17.1). Pure."""

from collections.abc import Mapping
from typing import Any

PROCESS = "io.kestra.plugin.core.runner.Process"
DOCKER = "io.kestra.plugin.scripts.runner.docker.Docker"

_RENAMED = {"dockerHost": "host", "dockerConfig": "config"}


def with_task_runner(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The properties of a script task with a ``taskRunner`` where older ones ask for one.

    An explicit ``taskRunner`` wins over ``runner``; the settings of ``docker`` replace those of a Docker task runner.
    The image of ``docker`` counts unless there is a ``containerImage``.
    """
    explicit, runner, docker = data.get("taskRunner"), data.get("runner"), data.get("docker")
    if runner is None and docker is None:
        return data
    changed = dict(data)
    if explicit is not None:
        changed.pop("runner", None)
    settings = docker if isinstance(docker, Mapping) else {}
    if "image" in settings and data.get("containerImage") is None:
        changed["containerImage"] = settings["image"]
    chosen = _type_of(explicit) or {"PROCESS": PROCESS, "DOCKER": DOCKER}.get(str(runner or "DOCKER"))
    if chosen == DOCKER and (explicit is None or settings):
        own = {_RENAMED.get(key, key): value for key, value in settings.items() if key != "image"}
        changed["taskRunner"] = {"type": DOCKER, **own}
    elif chosen == PROCESS and explicit is None:
        changed["taskRunner"] = {"type": PROCESS}
    return changed


def _type_of(runner: Any) -> str | None:
    return runner.get("type") if isinstance(runner, Mapping) else None
