"""``io.kestra.plugin.core.kv`` (core plugins 6)."""

from typing import Any, ClassVar

from segue.domain.kv import content_of
from segue.domain.platform.stores import MergeKey
from segue.sdk import (
    Duration,
    Example,
    KvType,
    NativeProperty,
    Output,
    Property,
    RunContext,
    Task,
    TaskFailed,
)


class Set(Task):
    """Writes a value into the KV store."""

    type: ClassVar[str] = "io.kestra.plugin.core.kv.Set"

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Keep the result of a task for a week",
            'id: keep\ntype: io.kestra.plugin.core.kv.Set\nkey: last-rows\nvalue: "{{ outputs.load.rows }}"\nttl: P7D',
        ),
    )

    key: Property[str]
    """The name of the value: letters, digits, dots, underscores and hyphens."""
    value: NativeProperty
    """The value; one expression alone keeps its type, such as number, list or map."""
    kv_type: Property[KvType] | None = None
    """How a text is read; without it a text is a text, unless it is an ISO-8601 duration."""
    namespace: Property[str] | None = None
    """The namespace of the value; without it the flow's own."""
    ttl: Property[Duration] | None = None
    """How long the value is kept; without it until it is removed."""
    overwrite: Property[bool] = Property.of(True)
    """`false` fails when there is such a key."""
    kv_description: Property[str] | None = None
    """What the value is, for people."""

    async def run(self, context: RunContext) -> None:
        """Render and write. Raises ``SegueError`` for a value that does not fit the type, and as ``write_kv``."""
        kind = None if self.kv_type is None else await context.render(self.kv_type)
        value = await context.render(self.value)
        await context.platform.write_kv(
            await context.render(self.key) or "",
            content_of(value, kind if _is_read(value, kind) else None),
            namespace=await _text(context, self.namespace),
            overwrite=await context.render(self.overwrite) is not False,
            lives_for=None if self.ttl is None else await context.render(self.ttl),
            description=await _text(context, self.kv_description),
        )


class Put(Task):
    """Changes parts of a value of the KV store, whatever else is in it; description and expiry stay."""

    type: ClassVar[str] = "io.kestra.plugin.core.kv.Put"

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Set two fields of a map",
            "id: put\ntype: io.kestra.plugin.core.kv.Put\nkey: state\nvalue:\n"
            '  - key: last.run\n    value: "{{ execution.startDate }}"\n  - key: last.ok\n    value: true',
        ),
    )

    key: Property[str]
    """The name of the value."""
    value: NativeProperty
    """A map is merged into the map there is; a list of `key` (dotted path) and `value` sets fields of it; anything
    else, or a list of one `value`, replaces it."""
    namespace: Property[str] | None = None
    """The namespace of the value; without it the flow's own."""
    error_on_missing: Property[bool] = Property.of(False)
    """Whether the task fails when there is no such value; otherwise it is made."""

    async def run(self, context: RunContext) -> None:
        """Render and merge. Raises ``SegueError`` for an update that does not fit what is there."""
        key = await context.render(self.key) or ""
        namespace = await _text(context, self.namespace) or context.flow.namespace
        must_exist = bool(await context.render(self.error_on_missing))
        update = content_of(await context.render(self.value)).value
        call = MergeKey(namespace=namespace, key=key, value=update, must_exist=must_exist)
        if not (await context.platform.ask(call)).was_there and must_exist:
            raise TaskFailed(
                f"No value found for key '{key}' in namespace '{namespace}' and `errorOnMissing` is set to true"
            )


class GetOutput(Output):
    """``value``: missing when there is none."""

    value: Any = None


class Get(Task):
    """Reads a value of the KV store; in the flow's own namespace also one of the namespaces above."""

    type: ClassVar[str] = "io.kestra.plugin.core.kv.Get"

    examples: ClassVar[tuple[Example, ...]] = (
        Example("Read a value", "id: read\ntype: io.kestra.plugin.core.kv.Get\nkey: last-rows\nerrorOnMissing: true"),
    )

    key: Property[str]
    """The name of the value."""
    namespace: Property[str] | None = None
    """The namespace of the value; without it the flow's own."""
    error_on_missing: Property[bool] = Property.of(False)
    """Whether the task fails when there is no such value."""

    async def run(self, context: RunContext) -> GetOutput:
        """Read. Raises ``SegueError`` for a value whose time is over."""
        key = await context.render(self.key) or ""
        namespace = await _text(context, self.namespace) or context.flow.namespace
        found = await context.platform.read_kv(key, namespace)
        if found is None and await context.render(self.error_on_missing):
            raise TaskFailed(
                f"No value found for key '{key}' in namespace '{namespace}' and `errorOnMissing` is set to true"
            )
        return GetOutput(value=None if found is None else found.value)


class GetKeysOutput(Output):
    """``keys`` in order."""

    keys: list[str]


class GetKeys(Task):
    """Lists the keys of one namespace."""

    type: ClassVar[str] = "io.kestra.plugin.core.kv.GetKeys"

    examples: ClassVar[tuple[Example, ...]] = (
        Example("Keys of one kind", "id: keys\ntype: io.kestra.plugin.core.kv.GetKeys\nprefix: report-"),
    )

    prefix: Property[str] | None = None
    """How the keys begin; without it all of them."""
    namespace: Property[str] | None = None
    """The namespace of the keys; without it the flow's own."""

    async def run(self, context: RunContext) -> GetKeysOutput:
        """List. Raises ``SegueError`` when there are too many."""
        prefix, namespace = await _text(context, self.prefix), await _text(context, self.namespace)
        return GetKeysOutput(keys=await context.platform.kv_keys(prefix, namespace))


class DeleteOutput(Output):
    """``deleted``: whether there was such a key."""

    deleted: bool


class Delete(Task):
    """Removes a key of the KV store with all its versions."""

    type: ClassVar[str] = "io.kestra.plugin.core.kv.Delete"

    examples: ClassVar[tuple[Example, ...]] = (
        Example("Remove a value", "id: forget\ntype: io.kestra.plugin.core.kv.Delete\nkey: last-rows"),
    )

    key: Property[str]
    """The name of the value."""
    namespace: Property[str] | None = None
    """The namespace of the value; without it the flow's own."""
    error_on_missing: Property[bool] = Property.of(False)
    """Whether the task fails when there is no such value."""

    async def run(self, context: RunContext) -> DeleteOutput:
        """Remove."""
        key = await context.render(self.key) or ""
        namespace = await _text(context, self.namespace) or context.flow.namespace
        deleted = await context.platform.delete_kv(key, namespace)
        if not deleted and await context.render(self.error_on_missing):
            raise TaskFailed(
                f"No value found for key '{key}' in namespace '{namespace}' and `errorOnMissing` is set to true"
            )
        return DeleteOutput(deleted=deleted)


def _is_read(value: Any, kind: KvType | None) -> bool:
    """Whether the type says how the value is read: texts, and numbers that are to be texts."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, str) or (kind is KvType.STRING and is_number)


async def _text(context: RunContext, value: Property[str] | None) -> str:
    return "" if value is None else (await context.render(value) or "").strip()
