"""``io.kestra.plugin.core.state`` of 1.x: small maps that a flow keeps between its executions (core plugins 8).

They lie in the KV store, as one JSON value each, so that they can be looked at and have versions.
"""

from hashlib import blake2b
from typing import Any, ClassVar

from segue.domain.deep_merge import deep_merge
from segue.domain.ids import slugify
from segue.domain.kv import KvContent, KvType
from segue.sdk import Example, Output, Property, RunContext, Task, TaskFailed

_OLD = "io.kestra.core.tasks.states."


class _State(Task):
    """What the tasks have in common."""

    name: Property[str] = Property.of("default")
    """The name of the state."""
    namespace: Property[bool] = Property.of(False)
    """`true` shares the state between the flows of the namespace; else it is the flow's own."""
    taskrun_value: Property[bool] = Property.of(True)
    """Whether each value of the loop around has a state of its own."""

    async def _key(self, context: RunContext) -> str:
        """The key of the KV store."""
        name = (await context.render(self.name) or "").strip() or "default"
        parts = ["states", name]
        if not await context.render(self.namespace):
            parts.insert(0, slugify(context.flow.id))
        value = (context.variables.get("taskrun") or {}).get("value")
        if value is not None and await context.render(self.taskrun_value):
            parts.append(blake2b(str(value).encode(), digest_size=10).hexdigest())
        return "_".join(parts)


class GetOutput(Output):
    """``data`` is the state, ``count`` how many entries it has."""

    count: int
    data: dict[str, Any]


class Get(_State):
    """Reads a state."""

    type: ClassVar[str] = "io.kestra.plugin.core.state.Get"
    aliases: ClassVar[frozenset[str]] = frozenset({_OLD + "Get"})
    deprecated: ClassVar[str] = "Use `io.kestra.plugin.core.kv.Get`."

    examples: ClassVar[tuple[Example, ...]] = (
        Example("Read the state of the flow", "id: last\ntype: io.kestra.plugin.core.state.Get"),
    )

    error_on_missing: Property[bool] = Property.of(False)
    """Whether the task fails when there is no state."""

    async def run(self, context: RunContext) -> GetOutput:
        """Read; without a state an empty map. Raises ``TaskFailed``."""
        key = await self._key(context)
        data = await _read(context, key)
        if data is None and await context.render(self.error_on_missing):
            raise TaskFailed(f"Unable to find the state file '{key}'")
        return GetOutput(count=len(data or {}), data=data or {})


class SetOutput(Output):
    """``key`` is where the state lies, ``count`` how many entries it has now."""

    count: int
    key: str


class Set(_State):
    """Puts values into a state; maps within it are put together, all else is replaced."""

    type: ClassVar[str] = "io.kestra.plugin.core.state.Set"
    aliases: ClassVar[frozenset[str]] = frozenset({_OLD + "Set"})
    deprecated: ClassVar[str] = "Use `io.kestra.plugin.core.kv.Set`."

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Note how far the flow came",
            'id: note\ntype: io.kestra.plugin.core.state.Set\ndata:\n  last: "{{ outputs.load.maximum }}"',
        ),
    )

    data: Property[dict[str, Any]] | None = None
    """What to put in."""

    async def run(self, context: RunContext) -> SetOutput:
        """Read, put together, write. What is written meanwhile by others is lost."""
        key = await self._key(context)
        more = {} if self.data is None else await context.render(self.data) or {}
        data = deep_merge(await _read(context, key) or {}, more)
        await context.platform.write_kv(key, KvContent(KvType.JSON, data))
        return SetOutput(count=len(data), key=key)


class DeleteOutput(Output):
    """``deleted``: whether there was a state."""

    deleted: bool


class Delete(_State):
    """Deletes a state."""

    type: ClassVar[str] = "io.kestra.plugin.core.state.Delete"
    aliases: ClassVar[frozenset[str]] = frozenset({_OLD + "Delete"})
    deprecated: ClassVar[str] = "Use `io.kestra.plugin.core.kv.Delete`."

    examples: ClassVar[tuple[Example, ...]] = (
        Example("Begin anew", "id: forget\ntype: io.kestra.plugin.core.state.Delete"),
    )

    error_on_missing: Property[bool] = Property.of(False)
    """Whether the task fails when there is no state."""

    async def run(self, context: RunContext) -> DeleteOutput:
        """Delete. Raises ``TaskFailed``."""
        key = await self._key(context)
        deleted = await context.platform.delete_kv(key, context.flow.namespace)
        if not deleted and await context.render(self.error_on_missing):
            raise TaskFailed(f"Unable to find the state file '{key}'")
        return DeleteOutput(deleted=deleted)


async def _read(context: RunContext, key: str) -> dict[str, Any] | None:
    """The state in the flow's namespace. Raises ``TaskFailed`` when something else lies at its place."""
    if key not in await context.platform.kv_keys(key, context.flow.namespace):
        return None
    found = await context.platform.read_kv(key, context.flow.namespace)
    if found is None:
        return None
    if not isinstance(found.value, dict):
        raise TaskFailed(f"The key '{key}' of the namespace is no state, it is no map")
    return found.value
