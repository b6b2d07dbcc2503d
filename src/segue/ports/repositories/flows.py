"""Flows, every revision of them (flow language 1.1)."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from segue.domain.execution.model import FlowKey
from segue.domain.labels import Label
from segue.domain.trigger.registration import Registration
from segue.ports.repositories.paging import Page, PageRequest


class StoredFlow(msgspec.Struct, frozen=True, kw_only=True):
    """One revision as stored. ``source`` is what the user sent, byte for byte."""

    tenant: str
    namespace: str
    id: str
    revision: int
    source: str
    updated_at: datetime
    labels: tuple[Label, ...] = ()
    description: str | None = None
    disabled: bool = False
    draft: bool = False
    deleted: bool = False

    @property
    def key(self) -> FlowKey:
        """The key of this revision."""
        return FlowKey(self.tenant, self.namespace, self.id, self.revision)


class NamespaceMatch(StrEnum):
    """How a namespace is compared."""

    IS = "IS"
    WITHIN = "WITHIN"
    """The namespace itself, or one below it."""
    STARTS_WITH = "STARTS_WITH"
    ENDS_WITH = "ENDS_WITH"
    CONTAINS = "CONTAINS"


class NamespaceTest(msgspec.Struct, frozen=True):
    """Holds when one of the values fits; when none does, if ``negated``."""

    match: NamespaceMatch
    values: tuple[str, ...]
    negated: bool = False


class FlowQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which flows to list: their latest revisions, without drafts and deleted ones."""

    tenant: str
    text: str | None = None
    """Part of the id or the namespace, whatever the case."""
    source: str | None = None
    """Part of the source, whatever the case."""
    namespaces: tuple[str, ...] = ()
    namespace_prefix: str | None = None
    """This namespace and those below it."""
    namespace_tests: tuple[NamespaceTest, ...] = ()
    """All of them must hold."""
    flow_ids: tuple[str, ...] = ()
    labels: tuple[Label, ...] = ()
    page: PageRequest = PageRequest()


class FlowRepository(Protocol):
    """Flows by tenant, namespace and id."""

    async def save(
        self,
        flow: StoredFlow,
        *,
        create: bool = False,
        update: bool = False,
        triggers: Registration | None = None,
    ) -> StoredFlow:
        """Store ``flow`` (its ``revision`` is ignored) as the next revision and return it.

        ``triggers`` are registered in the same transaction, also when the source is an equal one; None, as for a
        draft, leaves them as they are.

        A source equal to that of the latest revision, if that is not deleted and has the same
        ``draft`` mark, returns that revision and writes nothing. ``create`` raises ``AlreadyExistsError``
        when there is a revision that is not deleted; ``update`` raises ``NotFoundError`` when there is
        none. Numbering goes on after a deletion.
        """
        ...

    async def get(
        self,
        tenant: str,
        namespace: str,
        flow_id: str,
        revision: int | None = None,
        *,
        drafts: bool = False,
        deleted: bool = False,
    ) -> StoredFlow | None:
        """The revision named, or the latest: without drafts and deleted ones unless asked for."""
        ...

    async def revisions(self, tenant: str, namespace: str, flow_id: str) -> Sequence[StoredFlow]:
        """All revisions, oldest first."""
        ...

    async def search(self, query: FlowQuery) -> Page[StoredFlow]:
        """Latest revisions that match. Sortable: ``id``, ``namespace``, ``revision``, ``disabled``, ``updated``."""
        ...

    async def namespaces(self, tenant: str) -> Sequence[str]:
        """Every namespace that holds a flow, sorted."""
        ...

    async def delete_revisions(self, tenant: str, namespace: str, flow_id: str, revisions: Sequence[int]) -> int:
        """Forget old revisions; how many there were.

        Raises ``IllegalStateError``, and forgets none, when the newest revision is among them, or the latest
        that is no draft.
        """
        ...

    async def delete(self, tenant: str, namespace: str, flow_id: str, at: datetime) -> StoredFlow | None:
        """Write a revision with ``deleted`` set and forget its triggers; None when there is nothing to delete."""
        ...
