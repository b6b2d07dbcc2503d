"""Plugins: catalogue, documentation, and the schemas of the editor (REST API 4.9). Not of a tenant."""

import asyncio
import base64
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from segue.api.backend import Backend
from segue.api.problems import NOT_FOUND, ProblemError
from segue.api.schemas.flows import JsonObject
from segue.api.schemas.paged import Paged
from segue.ports.plugins import PluginLibrary

CACHE = {"Cache-Control": "public, max-age=3600"}
_ALL = 10_000
_PICTURE = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "X-Content-Type-Options": "nosniff",
}


def _library(backend: Backend) -> PluginLibrary:
    library = backend.ports.plugins
    if library is None:
        raise ProblemError(NOT_FOUND, "this server has no documentation of plugins")
    return library


@get("/plugins", response_headers=CACHE)
async def list_plugins(
    backend: NamedDependency[Backend],
    page: Annotated[int, QueryParameter(ge=1)] = 1,
    size: Annotated[int, QueryParameter(ge=1)] = _ALL,
    text: Annotated[str | None, QueryParameter(name="q")] = None,
) -> Paged[JsonObject]:
    """Groups of plugins with their types; ``q`` keeps those with a type that holds the text."""
    found = await asyncio.to_thread(_library(backend).plugins)
    return _page([one for one in found if _holds(one, text)], page, size)


def _holds(plugin: JsonObject, text: str | None) -> bool:
    if not text:
        return True
    lists = (part for part in plugin.values() if isinstance(part, list))
    names = [plugin["group"], *(one["cls"] for part in lists for one in part if isinstance(one, dict))]
    return any(text.lower() in name.lower() for name in names)


def _page(items: Sequence[JsonObject], page: int, size: int) -> Paged[JsonObject]:
    start = (page - 1) * size
    return Paged(list(items[start : start + size]), len(items))


@get("/plugins/groups/subgroups", response_headers=CACHE)
async def list_subgroups(backend: NamedDependency[Backend]) -> list[JsonObject]:
    """The same, split by sub-group."""
    return list(await asyncio.to_thread(_library(backend).subgroups))


@get("/plugins/triggers", response_headers=CACHE)
async def list_triggers(
    backend: NamedDependency[Backend],
    page: Annotated[int, QueryParameter(ge=1)] = 1,
    size: Annotated[int, QueryParameter(ge=1)] = _ALL,
) -> Paged[JsonObject]:
    """Types of triggers."""
    return _page(await asyncio.to_thread(_library(backend).triggers), page, size)


@get("/plugins/icons", response_headers=CACHE)
async def list_icons(backend: NamedDependency[Backend]) -> JsonObject:
    """Icons by type, of the types that have one."""
    return dict(await asyncio.to_thread(_library(backend).icons))


@get("/plugins/icons/groups", response_headers=CACHE)
async def list_group_icons(backend: NamedDependency[Backend]) -> JsonObject:
    """Icons by group: that of its first type that has one."""
    return dict(await asyncio.to_thread(_library(backend).group_icons))


@get("/plugins/icons/{name:str}", response_headers=CACHE)
async def get_icon(backend: NamedDependency[Backend], name: FromPath[str]) -> JsonObject:
    """The icon of a type: an empty answer when it has none."""
    return dict((await asyncio.to_thread(_library(backend).icons)).get(name, {}))


@get("/plugins/icons/{name:str}/icon.svg")
async def get_picture(backend: NamedDependency[Backend], name: FromPath[str]) -> Response[bytes]:
    """The icon of a type as a picture; what scripts it holds cannot run."""
    icon = (await asyncio.to_thread(_library(backend).icons)).get(name)
    if icon is None:
        raise ProblemError(NOT_FOUND, f"there is no icon of '{name[:200]}'")
    return Response(base64.b64decode(icon["icon"]), media_type="image/svg+xml", headers=CACHE | _PICTURE)


@get("/plugins/inputs", response_headers=CACHE)
async def list_inputs(backend: NamedDependency[Backend]) -> list[JsonObject]:
    """Types of inputs."""
    return [{"type": name, "cls": model} for name, model in _library(backend).input_types().items()]


@get("/plugins/inputs/{input_type:str}", response_headers=CACHE)
async def get_input(backend: NamedDependency[Backend], input_type: FromPath[str]) -> JsonObject:
    """Text and schema of a type of input."""
    found = await asyncio.to_thread(_library(backend).input_document, input_type)
    return _found(found, f"input type '{input_type[:100]}'")


@get("/plugins/schemas/{kind:str}")
async def get_schema(
    backend: NamedDependency[Backend],
    kind: FromPath[str],
    array_of: Annotated[bool, QueryParameter(name="arrayOf")] = False,
) -> Response[bytes]:
    """The JSON schema of FLOW, TASK or TRIGGER; with ``arrayOf`` that of a list of them."""
    content = await asyncio.to_thread(_library(backend).schema, kind)
    if content is None:
        raise ProblemError(NOT_FOUND, f"there is no schema of '{kind[:100]}'")
    if array_of:
        content = await asyncio.to_thread(_list_of, content)
    return Response(content, media_type="application/json", headers=CACHE)


def _list_of(content: bytes) -> bytes:
    """The schema of a list: definitions stay where references look for them."""
    schema = msgspec.json.decode(content)
    definitions, draft = schema.pop("definitions", {}), schema.pop("$schema", None)
    return msgspec.json.encode({"$schema": draft, "type": "array", "items": schema, "definitions": definitions})


@get("/plugins/properties/{kind:str}", response_headers=CACHE)
async def get_properties(backend: NamedDependency[Backend], kind: FromPath[str]) -> JsonObject:
    """The top-level properties of a flow."""
    content = await asyncio.to_thread(_library(backend).schema, kind)
    if content is None:
        raise ProblemError(NOT_FOUND, f"there is no schema of '{kind[:100]}'")
    schema = msgspec.json.decode(content)
    return {key: schema[key] for key in ("properties", "required") if key in schema}


@post("/plugins/pluginUiManifest", status_code=200)
async def get_ui_manifest() -> JsonObject:
    """Parts of the user interface that plugins bring: none."""
    return {"manifest": {}}


@get(["/plugins/{type_name:str}", "/plugins/{type_name:str}/versions/{version:str}"], response_headers=CACHE)
async def get_document(
    backend: NamedDependency[Backend],
    type_name: FromPath[str],
    everything: Annotated[bool, QueryParameter(name="all")] = False,
) -> JsonObject:
    """Text and schema of a type or alias; with ``all`` also the properties that every task or trigger has."""
    found = await asyncio.to_thread(lambda: _library(backend).document(type_name, everything=everything))
    return _found(found, f"plugin '{type_name[:200]}'")


@get("/plugins/{type_name:str}/versions", response_headers=CACHE)
async def list_versions(backend: NamedDependency[Backend], type_name: FromPath[str]) -> JsonObject:
    """The one version of a type."""
    _found(await asyncio.to_thread(_library(backend).document, type_name), f"plugin '{type_name[:200]}'")
    return {"type": type_name, "versions": [backend.config.server_version]}


def _found(document: JsonObject | None, what: str) -> JsonObject:
    if document is None:
        raise ProblemError(NOT_FOUND, f"there is no {what}")
    return document


HANDLERS: list[Any] = [
    list_plugins,
    list_subgroups,
    list_triggers,
    list_icons,
    list_group_icons,
    get_icon,
    get_picture,
    list_inputs,
    get_input,
    get_schema,
    get_properties,
    get_ui_manifest,
    get_document,
    list_versions,
]
"""Below ``/api/v1``, and below a tenant too for old clients."""
