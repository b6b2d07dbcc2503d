"""What the Engine API is asked for: names, labels and settings of a container (core plugins 14, 15). Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from segue.sdk import RunContext, TaskFailed

LABEL = "kestra.io/"
OWN_LABEL = "segue.io/"
MACHINE = OWN_LABEL + "machine"
RESUMABLE = OWN_LABEL + "resumable"
_LONGEST_VALUE = 63
_LONGEST_NAME = 54
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")
_PORT = re.compile(r"(?:(?:(?P<ip>\[[^\]]+\]|[^:\[\]]*):)?(?P<host>\d*):)?(?P<port>\d+)(?:/(?P<kind>tcp|udp|sctp))?")


class Wish(NamedTuple):
    """What a container is to be like. ``host`` holds what concerns the machine it runs on."""

    image: str
    arguments: Sequence[str]
    env: Mapping[str, str]
    folder: str
    labels: Mapping[str, str]
    user: str
    entry_point: Sequence[str]
    ports: Sequence[str]
    host: Mapping[str, Any]


def labels_of(context: RunContext) -> dict[str, str]:
    """Labels that say whose container it is."""
    flow, run = context.flow, context.task_run
    told = {
        "namespace": flow.namespace,
        "flow-id": flow.id,
        "task-id": run.task_id,
        "execution-id": context.execution.id,
        "taskrun-id": run.id,
        "taskrun-attempt": str(run.attempt),
    }
    return {LABEL + name: value[:_LONGEST_VALUE].rstrip("-._") for name, value in told.items()}


def name_of(context: RunContext, suffix: str) -> str:
    """A name that people recognise, and that no other container has."""
    text = f"{context.flow.namespace}-{context.flow.id}-{context.task_run.task_id}".lower()
    return f"{_NOT_IN_NAMES.sub('-', text).strip('-')[:_LONGEST_NAME].rstrip('-') or 'task'}-{suffix}"


def creation(wish: Wish) -> dict[str, Any]:
    """The body of ``POST /containers/create``. Raises ``TaskFailed`` for port bindings of another form."""
    exposed, bindings = _ports(wish.ports)
    body: dict[str, Any] = {
        "Image": wish.image,
        "Cmd": list(wish.arguments),
        "Env": [f"{name}={value}" for name, value in wish.env.items()],
        "WorkingDir": wish.folder,
        "Labels": dict(wish.labels),
        "Entrypoint": list(wish.entry_point),
        "Tty": False,
        "HostConfig": {**wish.host, **({"PortBindings": bindings} if bindings else {})},
    }
    if wish.user:
        body["User"] = wish.user
    if exposed:
        body["ExposedPorts"] = exposed
    return body


def _ports(texts: Sequence[str]) -> tuple[dict[str, Any], dict[str, list[dict[str, str]]]]:
    exposed: dict[str, Any] = {}
    bindings: dict[str, list[dict[str, str]]] = {}
    for text in texts:
        match = _PORT.fullmatch(text.strip())
        if match is None:
            raise TaskFailed(f"portBindings: '{text[:100]}' is not of the form ip:host:container/proto")
        key = f"{match['port']}/{match['kind'] or 'tcp'}"
        exposed[key] = {}
        bindings.setdefault(key, []).append(
            {"HostIp": (match["ip"] or "").strip("[]"), "HostPort": match["host"] or ""}
        )
    return exposed, bindings
