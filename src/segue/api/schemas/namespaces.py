"""Namespaces on the wire (REST API 6.6)."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from segue.api.problems import INVALID_ARGUMENT, INVALID_REQUEST_BODY, VALIDATION_FAILED, FieldError, ProblemError
from segue.domain.namespace_settings import NamespaceDefinition, default_faults
from segue.domain.namespaces import check_namespace
from segue.ports.repositories.namespaces import StoredNamespace

_ID = re.compile(r"[a-z0-9][a-z0-9._-]*")
_UNSUPPORTED = (
    "allowedNamespaces",
    "concurrency",
    "defaultWorkerSelector",
    "outputsInInternalStorage",
    "quotas",
    "sdkDefaultAuthentication",
    "secretConfiguration",
    "secretIsolation",
    "secretReadOnly",
    "secretType",
    "storageConfiguration",
    "storageIsolation",
    "storageType",
    "workerGroup",
)
"""What the original can be told of a namespace and this server does not act on."""


class ApiNamespace(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A namespace; one that nobody has said anything about has an id only."""

    id: str
    deleted: bool = False
    revision: int | UnsetType = UNSET
    description: str | UnsetType = UNSET
    variables: Mapping[str, Any] | UnsetType = UNSET
    plugin_defaults: tuple[Mapping[str, Any], ...] | UnsetType = UNSET


class Autocomplete(msgspec.Struct, frozen=True, rename="camel"):
    """Which ids to propose: those given, and those that hold ``q``."""

    q: str | None = None
    ids: tuple[str, ...] | None = None
    existing_only: bool = False


class _Submitted(msgspec.Struct, rename="camel"):
    id: str | None = None
    description: str | None = None
    variables: dict[str, Any] | None = None
    plugin_defaults: tuple[dict[str, Any], ...] | None = None


def wire_namespace(id_: str, stored: StoredNamespace | None) -> ApiNamespace:
    """A namespace, stored or not."""
    if stored is None:
        return ApiNamespace(id=id_)
    said = stored.definition
    return ApiNamespace(
        id=id_,
        revision=stored.revision,
        description=UNSET if said.description is None else said.description,
        variables=said.variables,
        plugin_defaults=said.plugin_defaults,
    )


def read_autocomplete(body: bytes) -> Autocomplete:
    """The body of a request for proposals. Raises ``ProblemError``."""
    try:
        return msgspec.json.decode(body or b"{}", type=Autocomplete)
    except msgspec.DecodeError as error:
        raise ProblemError(INVALID_REQUEST_BODY, f'{{"q", "ids", "existingOnly"}} is expected: {error}') from None


def read_namespace(body: bytes, id_: str | None = None) -> tuple[str, NamespaceDefinition]:
    """The id and the definition in a body. ``id_`` is that of the path, which the body need not repeat.

    Raises ``ProblemError`` for what is malformed, and for settings that would have no effect here.
    """
    try:
        given = msgspec.json.decode(body, type=dict[str, Any])
        submitted = msgspec.convert(given, _Submitted)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProblemError(INVALID_REQUEST_BODY, f"the body is no namespace: {error}") from None
    name = submitted.id if submitted.id is not None else id_
    if name is None:
        raise _refusal([("id", "must not be null")])
    if id_ is not None and name != id_:
        raise ProblemError(INVALID_ARGUMENT, f"Illegal namespace id update: '{name[:150]}' is not '{id_[:150]}'")
    _check_id(name)
    entries = submitted.plugin_defaults or ()
    faults = default_faults(entries)
    faults += [(field, "is not supported by this server") for field in _UNSUPPORTED if not _is_empty(given.get(field))]
    if faults:
        raise _refusal(faults)
    return name, NamespaceDefinition(
        description=submitted.description or None,
        variables=submitted.variables or {},
        plugin_defaults=entries,
    )


def _check_id(name: str) -> None:
    check_namespace(name)
    if not _ID.fullmatch(name):
        raise _refusal([("id", 'must match "^[a-z0-9][a-z0-9._-]*"')])


def _is_empty(value: Any) -> bool:
    """Whether a setting says nothing: null, false, or collections of that only. Clients send such defaults along."""
    if isinstance(value, Mapping):
        return all(_is_empty(item) for item in value.values())
    return not value


def _refusal(faults: list[tuple[str, str]]) -> ProblemError:
    def pointer(path: str) -> str:
        return "/" + path.replace("]", "").replace("[", "/").replace(".", "/")

    errors = tuple(FieldError(reason, pointer(path), path) for path, reason in faults)
    return ProblemError(VALIDATION_FAILED, ", ".join(f"{path}: {reason}" for path, reason in faults), errors=errors)
