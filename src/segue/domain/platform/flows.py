"""Calls about flows and namespaces (core plugins 2.16 and 18)."""

from datetime import datetime
from typing import Any, ClassVar

import msgspec

from segue.domain.labels import Label
from segue.domain.platform.call import Call
from segue.domain.platform.executions import FlowName

LARGEST_PAGE = 100
"""Flows in one page."""


class RevisionsPurged(msgspec.Struct, frozen=True):
    """How many revisions one call removed, and the page to go on with: none when it is None."""

    count: int
    next_page: int | None


class PurgeRevisions(Call[RevisionsPurged], frozen=True, kw_only=True):
    """Remove old revisions of a page of flows: all but the newest ``keep``, or those written ``before``.

    ``namespace`` as in ``PurgeExecutions``. The latest revision, the latest that is no draft, and those of executions
    that have not ended always stay.
    """

    verb: ClassVar[str] = "flows.purge-revisions"
    answer: ClassVar[type] = RevisionsPurged

    namespace: str = ""
    flow_id: str = ""
    keep: int | None = None
    before: datetime | None = None
    page: int = 1


class FlowsPage(msgspec.Struct, frozen=True):
    """Flows as the REST API shows them, with their sources (6.1), and how many there are in all."""

    results: list[dict[str, Any]]
    total: int


class SearchFlows(Call[FlowsPage], frozen=True, kw_only=True):
    """One page of flows by namespace and id. ``namespace`` means those below it too, unless ``is_exact``."""

    verb: ClassVar[str] = "flows.search"
    answer: ClassVar[type] = FlowsPage

    namespace: str = ""
    is_exact: bool = False
    labels: tuple[Label, ...] = ()
    page: int = 1
    size: int = LARGEST_PAGE


class FlowsFound(msgspec.Struct, frozen=True):
    """The flows in the order they were asked for."""

    flows: list[dict[str, Any]]


class GetFlows(Call[FlowsFound], frozen=True, kw_only=True):
    """At most ``LARGEST_PAGE`` flows by their names; one that is not there is an error."""

    verb: ClassVar[str] = "flows.get"
    answer: ClassVar[type] = FlowsFound

    names: tuple[FlowName, ...]


class NamespacesListed(msgspec.Struct, frozen=True):
    """Names of namespaces, sorted."""

    namespaces: list[str]


class ListNamespaces(Call[NamespacesListed], frozen=True, kw_only=True):
    """Namespaces that have flows and are open to the flow that asks; ``with_ancestors``: those above them too."""

    verb: ClassVar[str] = "namespaces.list"
    answer: ClassVar[type] = NamespacesListed

    prefix: str = ""
    """How the names begin."""
    with_ancestors: bool = False


class SelectNamespaces(Call[NamespacesListed], frozen=True, kw_only=True):
    """The namespaces a purge is about (1.2): those that have flows; a refusal when one is not open.

    ``names``, with ``is_prefix`` every one whose name begins like one of them; or those that fit ``pattern``
    (``*`` and ``?`` stand for any characters, for one); without both all.
    """

    verb: ClassVar[str] = "namespaces.select"
    answer: ClassVar[type] = NamespacesListed

    names: tuple[str, ...] | None = None
    is_prefix: bool = True
    pattern: str = ""
