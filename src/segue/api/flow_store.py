"""Saving and deleting flows: checked, stored, and made known to every process (REST API 4.2, 5.6)."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from segue.api.ports import ApiPorts
from segue.api.problems import INVALID_ARGUMENT, ProblemError, violations_error
from segue.api.schemas.flows import FlowValidation
from segue.domain.errors import DefinitionError, FlowSyntaxError, NotFoundError
from segue.domain.execution.slots import slot_scope
from segue.domain.flow.edits import set_disabled, without_revision
from segue.domain.flow.model import Flow
from segue.domain.flow.parse import FlowReport, parse_document
from segue.domain.flow.parts import Section, parse_part
from segue.domain.flow.source import read_document
from segue.domain.labels import Label
from segue.domain.namespace_settings import NO_SETTINGS
from segue.domain.trigger.registration import Registration, registration_of
from segue.ports.queue import Channel, Topic
from segue.ports.repositories.flows import StoredFlow

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,149}")


class FlowStore:
    """Flows by their text."""

    def __init__(self, ports: ApiPorts) -> None:
        self._ports = ports

    async def _parse(self, tenant: str, source: str) -> FlowReport:
        """What is to be said about a flow with the plugin defaults of its namespaces and of the server."""
        document = read_document(source)
        namespace = document.data.get("namespace")
        settings = await self._ports.catalog.settings(tenant, namespace) if isinstance(namespace, str) else NO_SETTINGS
        return parse_document(
            document,
            self._ports.types,
            defaults=(*settings.plugin_defaults, *self._ports.plugin_defaults),
            default_dialect=self._ports.engine.dialect,
        )

    async def read(self, tenant: str, source: str, *, is_draft: bool = False) -> StoredFlow:
        """The flow in ``source``, not stored yet. Only a draft, asked for or by its text, may break rules.

        Raises ``FlowSyntaxError`` and ``ProblemError``.
        """
        report = await self._parse(tenant, source)
        flow = report.flow
        is_draft = is_draft or _is_draft(source, flow)
        if report.violations and not is_draft:
            raise violations_error(report.violations)
        namespace, flow_id = (flow.namespace, flow.id) if flow else _keys(source, report)
        return StoredFlow(
            tenant=tenant,
            namespace=namespace,
            id=flow_id,
            revision=0,
            source=without_revision(source),
            updated_at=self._ports.clock.now(),
            labels=tuple(Label(key, value) for key, value in flow.labels) if flow else (),
            description=flow.description if flow else None,
            disabled=flow.disabled if flow else False,
            draft=is_draft,
        )

    async def save(self, flow: StoredFlow, *, create: bool = False, update: bool = False) -> StoredFlow:
        """Store a flow that was read and tell everybody. Raises as ``FlowRepository.save``."""
        registration = None if flow.draft else await self._registration(flow)
        stored = await self._ports.flows.save(flow, create=create, update=update, triggers=registration)
        await self._changed(stored)
        if registration is not None and registration.definitions:
            await self._ports.queue.broadcast(Channel.TRIGGERS, [registration.at.isoformat()])
        if not stored.draft:
            await self._limit_changed(stored)
        return stored

    async def _registration(self, flow: StoredFlow) -> Registration:
        """The triggers of a flow, with all defaults; at rest when its text is no valid flow any more."""
        definition = (await self._parse(flow.tenant, flow.source)).flow
        return registration_of(definition, flow.updated_at, self._ports.types, active=not flow.disabled)

    async def switch(self, flow: StoredFlow, *, disabled: bool) -> bool:
        """Disable or enable a flow by a change of its text; whether that was a change.

        The flow is not checked again, so that an old one which is invalid by now can be switched off as well.
        Raises ``DefinitionError`` when the text cannot be changed.
        """
        if flow.disabled == disabled:
            return False
        source = set_disabled(flow.source, disabled)
        now = self._ports.clock.now()
        await self.save(msgspec.structs.replace(flow, source=source, disabled=disabled, updated_at=now), update=True)
        return True

    async def delete_revisions(self, tenant: str, namespace: str, flow_id: str, revisions: Sequence[int]) -> int:
        """Forget old revisions. Raises as ``FlowRepository.delete_revisions``."""
        return await self._ports.flows.delete_revisions(tenant, namespace, flow_id, revisions)

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

    async def _limit_changed(self, flow: StoredFlow) -> None:
        """Those who wait go on when the limit is higher now, or gone. A flow that cannot be read limits as before."""
        try:
            definition = await self._ports.catalog.latest(flow.tenant, flow.namespace, flow.id, flow.revision)
        except DefinitionError:
            return
        concurrency = definition.flow.concurrency
        scope, limit = slot_scope(flow.key), None if concurrency is None else concurrency.limit
        woken = await self._ports.slots.change_limit(scope, flow.revision, limit)
        if woken:
            await self._ports.queue.publish(Topic.EXECUTIONS, woken)

    def validate_part(self, source: str, section: Section) -> FlowValidation:
        """Everything there is to say about one task or trigger; never raises for a bad one."""
        try:
            report = parse_part(source, section, self._ports.types, self._ports.plugin_defaults)
        except FlowSyntaxError as error:
            return FlowValidation(index=0, constraints=f"Illegal {section[:-1]} source: {error.message}")
        return FlowValidation(index=0, **_found(report))

    async def validate(self, tenant: str, source: str, index: int, filename: str | None = None) -> FlowValidation:
        """Everything there is to say about one document; never raises for a bad flow."""
        fields: dict[str, Any] = {"index": index} | ({"filename": filename} if filename else {})
        try:
            report = await self._parse(tenant, source)
        except FlowSyntaxError as error:
            return FlowValidation(**fields, constraints=f"Illegal flow source: {error.message}")
        flow = report.flow
        if flow is not None:
            fields |= {"namespace": flow.namespace, "flow": flow.id}
            fields["outdated"] = await self._is_outdated(tenant, flow)
        return FlowValidation(**fields, **_found(report))

    async def _is_outdated(self, tenant: str, flow: Flow) -> bool:
        if flow.revision is None:
            return False
        stored = await self._ports.flows.get(tenant, flow.namespace, flow.id)
        return flow.revision != (stored.revision if stored else 0) + 1


def _found(report: FlowReport) -> dict[str, Any]:
    """What was found, as fields of the answer; a valid flow has no ``constraints`` at all."""
    found: dict[str, Any] = {
        "deprecation_paths": report.deprecation_paths,
        "warnings": report.warnings,
        "infos": report.infos,
    }
    if report.violations:
        found["constraints"] = "\n".join(item.with_line for item in report.violations)
    return found


def _is_draft(source: str, flow: Flow | None) -> bool:
    """Whether the text itself says `draft: true`."""
    return flow.draft if flow is not None else read_document(source).data.get("draft") is True


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
