"""``io.kestra.plugin.kestra.flows`` and ``namespaces``: lists and archives (core plugins 18)."""

import asyncio
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict

from segue.domain.labels import Label
from segue.domain.platform.executions import FlowName
from segue.domain.platform.flows import LARGEST_PAGE, GetFlows, ListNamespaces, SearchFlows
from segue.plugins.kestra.connection import KestraTask, Remote, text_of
from segue.sdk import Example, Output, Property, RunContext, TaskFailed

_EPOCH = (1980, 1, 1, 0, 0, 0)
_MOST_FLOWS = 10_000
_LARGEST_LIST = 1000


class FlowsZipOutput(Output):
    """``flowsZip``: the URI of a zip with the sources of the flows."""

    flows_zip: str


class Export(KestraTask):
    """Stores the sources of flows as a zip."""

    type: ClassVar[str] = "io.kestra.plugin.kestra.flows.Export"

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Keep a copy of the flows of a team",
            "id: copy\ntype: io.kestra.plugin.kestra.flows.Export\nnamespace: company.team",
        ),
    )

    namespace: Property[str] | None = None
    """The namespace with those below it; without it all."""
    labels: Property[dict[str, str]] | None = None
    """Only flows with all of these labels."""

    async def run(self, context: RunContext) -> FlowsZipOutput:
        """Collect page by page. Raises ``SegueError`` when the namespaces are not open to the flow."""
        namespace = await text_of(context, self.namespace)
        labels = (None if self.labels is None else await context.render(self.labels)) or {}
        async with self.remote(context) as remote:
            if remote is None:
                wanted = tuple(Label(key, value) for key, value in labels.items())
                return await _zipped(context, await _all(context, namespace, wanted))
            query = [("filters[namespace][PREFIX]", namespace)] if namespace else []
            query += [(f"filters[labels][EQUALS][{key}]", value) for key, value in labels.items()]
            stream = remote.stream("GET", "/flows/export/by-query", query)
            return FlowsZipOutput(flows_zip=await context.files.write("flows.zip", stream))


class ExportedFlow(BaseModel):
    """A flow to export."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    """The id of the flow."""
    namespace: str
    """The namespace of the flow."""


class ExportById(KestraTask):
    """Stores the sources of some flows as a zip."""

    type: ClassVar[str] = "io.kestra.plugin.kestra.flows.ExportById"

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Keep a copy of a flow",
            "id: copy\ntype: io.kestra.plugin.kestra.flows.ExportById\nflows:\n"
            "  - id: load\n    namespace: company.team",
        ),
    )

    flows: Property[list[ExportedFlow]]
    """The flows."""

    async def run(self, context: RunContext) -> FlowsZipOutput:
        """Collect. Raises ``SegueError`` when one is not there or not open to the flow."""
        chosen = await context.render(self.flows) or []
        if not chosen:
            raise TaskFailed("`flows` is empty")
        async with self.remote(context) as remote:
            if remote is None:
                found: list[Mapping[str, Any]] = []
                for start in range(0, len(chosen), LARGEST_PAGE):
                    some = chosen[start : start + LARGEST_PAGE]
                    call = GetFlows(names=tuple(FlowName(flow.namespace, flow.id) for flow in some))
                    found += (await context.platform.ask(call)).flows
                return await _zipped(context, found)
            body = [{"id": flow.id, "namespace": flow.namespace} for flow in chosen]
            stream = remote.stream("POST", "/flows/export/by-ids", body=body)
            return FlowsZipOutput(flows_zip=await context.files.write("flows.zip", stream))


class ListOutput(Output):
    """``flows`` of the namespace."""

    flows: list[dict[str, Any]]


class List(KestraTask):
    """Lists the flows of one namespace."""

    type: ClassVar[str] = "io.kestra.plugin.kestra.flows.List"

    examples: ClassVar[tuple[Example, ...]] = (
        Example("The flows of a team", "id: flows\ntype: io.kestra.plugin.kestra.flows.List\nnamespace: company.team"),
    )

    namespace: Property[str] | None = None
    """The namespace; without it the flow's own."""

    async def run(self, context: RunContext) -> ListOutput:
        """List. Raises ``SegueError`` when the namespace is not open to the flow."""
        namespace = await text_of(context, self.namespace) or context.flow.namespace
        async with self.remote(context) as remote:
            if remote is None:
                found = await _all(context, namespace, (), is_exact=True)
                return ListOutput(flows=[{name: flow[name] for name in flow if name != "source"} for flow in found])
            return ListOutput(flows=await remote.json("GET", f"/flows/{quote(namespace, safe='')}"))


class NamespacesOutput(Output):
    """``namespaces`` in order."""

    namespaces: list[str]


class NamespacesWithFlows(KestraTask):
    """Lists the namespaces that have flows."""

    type: ClassVar[str] = "io.kestra.plugin.kestra.namespaces.NamespacesWithFlows"

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Namespaces of a company",
            "id: names\ntype: io.kestra.plugin.kestra.namespaces.NamespacesWithFlows\nprefix: company.",
        ),
    )

    prefix: Property[str] | None = None
    """How the names begin; without it all of them."""

    async def run(self, context: RunContext) -> NamespacesOutput:
        """List those that are open to the flow."""
        prefix = await text_of(context, self.prefix)
        async with self.remote(context) as remote:
            if remote is None:
                return NamespacesOutput(namespaces=await _namespaces(context, prefix))
            found = await remote.json("GET", "/flows/distinct-namespaces", [("q", prefix)] if prefix else [])
            return NamespacesOutput(namespaces=[name for name in found if name.startswith(prefix)])


class ListNamespacesTask(KestraTask):
    """Lists namespaces, a page at a time: those that have flows and those above them."""

    type: ClassVar[str] = "io.kestra.plugin.kestra.namespaces.List"

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "The first ten namespaces of a company",
            "id: names\ntype: io.kestra.plugin.kestra.namespaces.List\nprefix: company",
        ),
    )

    prefix: Property[str] | None = None
    """How the names begin; without it all of them."""
    page: Property[int] = Property.of(1)
    """Which page, from 1."""
    size: Property[int] = Property.of(10)
    """How many names are on a page."""
    existing_only: Property[bool] = Property.of(False)
    """Whether namespaces are left out that only lie above others."""

    async def run(self, context: RunContext) -> NamespacesOutput:
        """List those that are open to the flow."""
        prefix = await text_of(context, self.prefix)
        page, size = await context.render(self.page) or 1, await context.render(self.size) or 10
        if page < 1 or not 1 <= size <= _LARGEST_LIST:
            raise TaskFailed(f"`page` must be 1 or more, `size` 1 to {_LARGEST_LIST}")
        existing = bool(await context.render(self.existing_only))
        async with self.remote(context) as remote:
            if remote is None:
                names = await _namespaces(context, prefix, with_ancestors=not existing)
                return NamespacesOutput(namespaces=names[(page - 1) * size : page * size])
            return NamespacesOutput(namespaces=await _far_namespaces(remote, prefix, page, size, existing))


async def _far_namespaces(remote: Remote, prefix: str, page: int, size: int, existing: bool) -> list[str]:
    query = [("page", str(page)), ("size", str(size)), ("existing", str(existing).lower())]
    query += [("filters[namespace][STARTS_WITH]", prefix)] if prefix else []
    found, _ = await remote.page("/namespaces/search", query)
    return [str(one.get("id", "")) for one in found]


async def _namespaces(context: RunContext, prefix: str, *, with_ancestors: bool = False) -> list[str]:
    call = ListNamespaces(prefix=prefix, with_ancestors=with_ancestors)
    return (await context.platform.ask(call)).namespaces


async def _all(
    context: RunContext, namespace: str, labels: tuple[Label, ...], *, is_exact: bool = False
) -> list[Mapping[str, Any]]:
    """Every flow, page by page. Raises ``TaskFailed`` for more than can be one list."""
    found: list[Mapping[str, Any]] = []
    page, total = 0, 1
    while len(found) < total:
        page += 1
        call = SearchFlows(namespace=namespace, is_exact=is_exact, labels=labels, page=page)
        part = await context.platform.ask(call)
        total = part.total if part.results else 0
        found += part.results
        if total > _MOST_FLOWS:
            raise TaskFailed(f"There are more than {_MOST_FLOWS} flows: name a namespace")
    return found


async def _zipped(context: RunContext, flows: Sequence[Mapping[str, Any]]) -> FlowsZipOutput:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "flows.zip"
        await asyncio.to_thread(_pack, path, flows)
        return FlowsZipOutput(flows_zip=await context.files.write(path.name, path))


def _pack(path: Path, flows: Sequence[Mapping[str, Any]]) -> None:
    """Sources as ``{namespace}.{id}.yml``, as the REST API packs them."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for flow in flows:
            entry = zipfile.ZipInfo(f"{flow['namespace']}.{flow['id']}.yml", _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, flow["source"])
