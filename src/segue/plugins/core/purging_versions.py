"""Tasks that remove old versions: of KV values, namespace files and flows (core plugins 2.16, 6 and 7)."""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from segue.domain.platform.flows import PurgeRevisions, SelectNamespaces
from segue.domain.platform.stores import PurgeFileVersions, PurgeKeys, PurgeKeyVersions, VersionsPurged
from segue.sdk import Example, Moment, Output, Property, RunContext, Task, TaskFailed

_CONFIG = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class Versions(BaseModel):
    """Which versions are old: those before a date, or all but the newest few."""

    model_config = _CONFIG

    before: Moment | None = None
    """Versions written before this moment go, except the latest one."""
    keep_amount: int | None = Field(default=None, ge=1)
    """How many of the newest versions stay."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.before is not None and self.keep_amount is not None:
            raise ValueError("Cannot set both 'before' and 'keepAmount' properties")
        return self


class BehaviorType(StrEnum):
    """Whether keys go as a whole, or old versions of them."""

    KEY = "key"
    VERSION = "version"


class KvBehavior(Versions):
    """What of the KV store goes."""

    type: BehaviorType = BehaviorType.KEY
    """`key`: whole keys; `version`: old versions of keys."""
    expired_only: bool = True
    """Of whole keys, only those whose time is over."""

    @model_validator(mode="after")
    def _check_type(self) -> Self:
        given = self.before is not None or self.keep_amount is not None
        if self.type is BehaviorType.KEY and given:
            raise ValueError("'before' and 'keepAmount' are for the type 'version'")
        if self.type is BehaviorType.VERSION and not given:
            raise ValueError("'before' or 'keepAmount' is needed for the type 'version'")
        return self


class VersionBehavior(Versions):
    """What of other stores goes: old versions."""

    type: BehaviorType = BehaviorType.VERSION
    """`version`, the only one there is."""

    @model_validator(mode="after")
    def _check_type(self) -> Self:
        if self.type is not BehaviorType.VERSION:
            raise ValueError("only the type 'version' is possible here")
        return self


class PurgeOutput(Output):
    """``size``: how many were removed."""

    size: int


class NamespacePurge(Task):
    """Base of the tasks that purge some namespaces."""

    namespaces: Property[list[str]] | None = None
    """The namespaces; without them and without a pattern all that have flows."""
    namespace_pattern: Property[str] | None = None
    """A pattern for the namespaces: `*` stands for any characters, `?` for one."""
    include_child_namespaces: Property[bool] = Property.of(True)
    """Whether every namespace whose name begins like one of `namespaces` is meant."""

    @model_validator(mode="after")
    def _check_namespaces(self) -> Self:
        if self.namespaces is not None and self.namespace_pattern is not None:
            raise ValueError("`namespaces` and `namespacePattern` can't be used at the same time")
        return self

    async def selected(self, context: RunContext) -> list[str]:
        """The namespaces. Raises ``SegueError`` when one of them is not open to the flow."""
        names = None if self.namespaces is None else await context.render(self.namespaces)
        call = SelectNamespaces(
            names=None if names is None else tuple(names),
            is_prefix=await context.render(self.include_child_namespaces) is not False,
            pattern="" if self.namespace_pattern is None else await context.render(self.namespace_pattern) or "",
        )
        return (await context.platform.ask(call)).namespaces


class PurgeKV(NamespacePurge):
    """Removes expired keys, or old versions of keys, from the KV store."""

    type: ClassVar[str] = "io.kestra.plugin.core.kv.PurgeKV"

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Keep the last ten versions of each key",
            "id: purge\ntype: io.kestra.plugin.core.kv.PurgeKV\nnamespaces:\n  - company\n"
            "behavior:\n  type: version\n  keepAmount: 10",
        ),
    )

    behavior: Property[KvBehavior] = Property.of(KvBehavior())
    """What goes; without it keys whose time is over."""
    key_pattern: Property[str] | None = None
    """A pattern for the keys: `*` stands for any characters, `?` for one."""
    expired_only: Property[bool] | None = Field(None, json_schema_extra={"deprecated": True, "$deprecated": True})
    """Whole keys, expired ones only or all, whatever `behavior` says (1.x)."""

    async def run(self, context: RunContext) -> PurgeOutput:
        """Purge slice by slice. Raises ``SegueError`` when a namespace is not open to the flow."""
        behavior = await context.render(self.behavior) or KvBehavior()
        expired_only = None if self.expired_only is None else await context.render(self.expired_only)
        if expired_only is not None:
            behavior = KvBehavior(expired_only=expired_only)
        pattern = "" if self.key_pattern is None else await context.render(self.key_pattern) or ""

        async def purge(namespace: str, after: str) -> VersionsPurged:
            if behavior.type is BehaviorType.KEY:
                keys = PurgeKeys(namespace=namespace, pattern=pattern, expired_only=behavior.expired_only, after=after)
                return await context.platform.ask(keys)
            versions = PurgeKeyVersions(
                namespace=namespace,
                pattern=pattern,
                keep=behavior.keep_amount,
                before=behavior.before,
                after=after,
            )
            return await context.platform.ask(versions)

        return PurgeOutput(size=await _purge_all(await self.selected(context), purge))


class PurgeFiles(NamespacePurge):
    """Removes old versions of namespace files; the latest version of a file always stays."""

    type: ClassVar[str] = "io.kestra.plugin.core.namespace.PurgeFiles"

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Keep two versions of each query",
            "id: purge\ntype: io.kestra.plugin.core.namespace.PurgeFiles\nnamespaces:\n  - company.team\n"
            'filePattern: "**/*.sql"\nbehavior:\n  type: version\n  keepAmount: 2',
        ),
    )

    behavior: Property[VersionBehavior] = Property.of(VersionBehavior(keep_amount=1))
    """Which versions go; without it all but the latest."""
    file_pattern: Property[str] | None = None
    """A pattern for the files; without it all."""

    async def run(self, context: RunContext) -> PurgeOutput:
        """Purge slice by slice. Raises ``SegueError`` when a namespace is not open to the flow."""
        behavior = _needed(await context.render(self.behavior))
        pattern = "" if self.file_pattern is None else await context.render(self.file_pattern) or ""

        async def purge(namespace: str, after: str) -> VersionsPurged:
            call = PurgeFileVersions(
                namespace=namespace,
                pattern=pattern,
                keep=behavior.keep_amount,
                before=behavior.before,
                after=after,
            )
            return await context.platform.ask(call)

        return PurgeOutput(size=await _purge_all(await self.selected(context), purge))


class PurgeFlows(Task):
    """Removes old revisions of flows.

    The latest, the latest that is no draft, and those of executions that have not ended always stay.
    """

    type: ClassVar[str] = "io.kestra.plugin.core.flow.PurgeFlows"

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Keep twenty revisions of each flow",
            "id: purge\ntype: io.kestra.plugin.core.flow.PurgeFlows\nnamespace: company\nbehavior:\n  keepAmount: 20",
        ),
    )

    namespace: Property[str] | None = None
    """The namespace with those below it, exactly this one together with `flowId`; without it all."""
    flow_id: Property[str] | None = None
    """Only the flow with this id; needs `namespace`."""
    behavior: Property[VersionBehavior] = Property.of(VersionBehavior(keep_amount=1))
    """Which revisions go; without it all but the latest."""

    async def run(self, context: RunContext) -> PurgeOutput:
        """Purge page by page.

        Raises ``TaskFailed`` for `flowId` alone, ``SegueError`` when the namespaces are not open to the flow.
        """
        namespace = "" if self.namespace is None else (await context.render(self.namespace) or "").strip()
        flow_id = "" if self.flow_id is None else (await context.render(self.flow_id) or "").strip()
        if flow_id and not namespace:
            raise TaskFailed("`namespace` is required when `flowId` is set")
        behavior = _needed(await context.render(self.behavior))
        size, page = 0, 1
        while page:
            call = PurgeRevisions(
                namespace=namespace,
                flow_id=flow_id,
                keep=behavior.keep_amount,
                before=behavior.before,
                page=page,
            )
            done = await context.platform.ask(call)
            size, page = size + done.count, done.next_page or 0
        return PurgeOutput(size=size)


def _needed(behavior: VersionBehavior | None) -> VersionBehavior:
    """A behavior that says something, the default otherwise."""
    if behavior is None or (behavior.before is None and behavior.keep_amount is None):
        return VersionBehavior(keep_amount=1)
    return behavior


async def _purge_all(namespaces: list[str], purge: Callable[[str, str], Awaitable[VersionsPurged]]) -> int:
    """Every slice of every namespace; how many were removed."""
    size = 0
    for namespace in namespaces:
        after: str | None = ""
        while after is not None:
            done = await purge(namespace, after)
            size, after = size + done.count, done.after
    return size
