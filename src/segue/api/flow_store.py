"""Saving and deleting flows: checked, stored, and made known to every process (REST API 4.2, 5.6)."""

import re
from typing import Any

from segue.api.ports import ApiPorts
from segue.api.problems import INVALID_ARGUMENT, ProblemError, violations_error
from segue.api.schemas.flows import FlowValidation
from segue.domain.errors import FlowSyntaxError, NotFoundError
from segue.domain.flow.model import Flow
from segue.domain.flow.parse import FlowReport, parse_flow
from segue.domain.flow.source import read_document
from segue.domain.labels import Label
from segue.ports.queue import Channel
from segue.ports.repositories.flows import StoredFlow

_REVISION_LINE = re.compile(r"^revision:[ \t]*\d+[ \t]*(?:\r?\n|\Z)", re.MULTILINE)
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,149}")


class FlowStore:
    """Flows by their text."""

    def __init__(self, ports: ApiPorts) -> None:
        self._ports = ports

    def _parse(self, source: str) -> FlowReport:
        return parse_flow(source, self._ports.types, strict=True, default_dialect=self._ports.engine.dialect)

    def read(self, tenant: str, source: str, *, is_draft: bool = False) -> StoredFlow:
        """The flow in ``source``, not stored yet. Only a draft may break rules of the language.

        Raises ``FlowSyntaxError`` and ``ProblemError``.
        """
        report = self._parse(source)
        if report.violations and not is_draft:
            raise violations_error(report.violations)
        flow = report.flow
        namespace, flow_id = (flow.namespace, flow.id) if flow else _keys(source, report)
        return StoredFlow(
            tenant=tenant,
            namespace=namespace,
            id=flow_id,
            revision=0,
            source=_REVISION_LINE.sub("", source, count=1),
            updated_at=self._ports.clock.now(),
            labels=tuple(Label(key, value) for key, value in flow.labels) if flow else (),
            description=flow.description if flow else None,
            disabled=flow.disabled if flow else False,
            draft=is_draft or bool(flow and flow.draft),
        )

    async def save(self, flow: StoredFlow, *, create: bool = False, update: bool = False) -> StoredFlow:
        """Store a flow that was read and tell everybody. Raises as ``FlowRepository.save``."""
        stored = await self._ports.flows.save(flow, create=create, update=update)
        await self._changed(stored)
        return stored

    async def delete(self, tenant: str, namespace: str, flow_id: str) -> StoredFlow:
        """Delete a flow softly. Raises ``NotFoundError``."""
        deleted = await self._ports.flows.delete(tenant, namespace, flow_id, self._ports.clock.now())
        if deleted is None:
            raise NotFoundError(f"Flow {namespace}.{flow_id} not found")
        await self._changed(deleted)
        return deleted

    async def _changed(self, flow: StoredFlow) -> None:
        self._ports.catalog.invalidate(flow.tenant, flow.namespace, flow.id)
        await self._ports.queue.broadcast(Channel.FLOWS, [f"{flow.tenant}/{flow.namespace}/{flow.id}"])

    async def validate(self, tenant: str, source: str, index: int, filename: str | None = None) -> FlowValidation:
        """Everything there is to say about one document; never raises for a bad flow."""
        fields: dict[str, Any] = {"index": index} | ({"filename": filename} if filename else {})
        try:
            report = self._parse(source)
        except FlowSyntaxError as error:
            return FlowValidation(**fields, constraints=f"Illegal flow source: {error.message}")
        if report.violations:
            fields["constraints"] = "\n".join(item.with_line for item in report.violations)
        flow = report.flow
        if flow is not None:
            fields |= {"namespace": flow.namespace, "flow": flow.id}
            fields["outdated"] = await self._is_outdated(tenant, flow)
        return FlowValidation(
            **fields,
            deprecation_paths=report.deprecation_paths,
            warnings=report.warnings,
            infos=report.infos,
        )

    async def _is_outdated(self, tenant: str, flow: Flow) -> bool:
        if flow.revision is None:
            return False
        stored = await self._ports.flows.get(tenant, flow.namespace, flow.id)
        return flow.revision != (stored.revision if stored else 0) + 1


def _keys(source: str, report: FlowReport) -> tuple[str, str]:
    """Namespace and id of a draft that is no valid flow yet; both must be there to store it."""
    data = read_document(source).data
    namespace, flow_id = data.get("namespace"), data.get("id")
    if not all(isinstance(one, str) and _NAME.fullmatch(one) for one in (namespace, flow_id)):
        raise violations_error(report.violations)
    return str(namespace), str(flow_id)


def check_keys(flow: StoredFlow, namespace: str, flow_id: str) -> None:
    """Refuse an update that would move a flow (flow language 1.1)."""
    if flow.id != flow_id:
        raise ProblemError(INVALID_ARGUMENT, f"Illegal flow id update: '{flow.id}' is not '{flow_id[:150]}'")
    if flow.namespace != namespace:
        raise ProblemError(INVALID_ARGUMENT, f"Illegal namespace update: '{flow.namespace}' is not '{namespace[:150]}'")
