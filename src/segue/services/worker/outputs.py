"""Outputs: those of other tasks, read when an expression names them, and the task's own, as JSON."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from segue.domain.encrypted import ENCRYPTED_TYPE, revealed
from segue.domain.needs import Needed
from segue.proto.generated import worker_pb2 as pb
from segue.sdk import Output, TaskResult

_decode = msgspec.json.Decoder().decode
_ENCRYPTED = ENCRYPTED_TYPE.encode()


class OutputsNeeded(Needed):
    """An expression named outputs that did not come with the job."""

    def __init__(self, task_run_ids: Sequence[str]) -> None:
        super().__init__(f"outputs of {', '.join(task_run_ids)}")
        self.task_run_ids = task_run_ids


class TaskOutputs(Mapping[str, Any]):
    """The root ``outputs`` (expression language 10.2): parsed task by task when it is first looked at."""

    def __init__(self, entries: Sequence[pb.OutputEntry], plain: Callable[[str], str]) -> None:
        """``plain`` decrypts a text that is stored encrypted."""
        self._plain = plain
        self._entries: dict[str, list[pb.OutputEntry]] = {}
        for entry in entries:
            self._entries.setdefault(entry.task_id, []).append(entry)
        self._read: dict[str, Any] = {}
        self._fetched: dict[str, bytes] = {}

    def provide(self, task_run_id: str, content: bytes) -> None:
        """Add outputs that were fetched."""
        self._fetched[task_run_id] = content

    def __getitem__(self, task_id: str) -> Any:
        found = self._read.get(task_id)
        if found is None:
            found = self._read[task_id] = self._load(self._entries[task_id])
        return found

    def __contains__(self, task_id: object) -> bool:
        return task_id in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def _load(self, entries: Sequence[pb.OutputEntry]) -> Any:
        missing = [
            entry.task_run_id
            for entry in entries
            if not entry.HasField("inline") and entry.task_run_id not in self._fetched
        ]
        if missing:
            raise OutputsNeeded(missing)
        tree: dict[str, Any] = {}
        holds_secrets = False
        for entry in entries:
            content = entry.inline if entry.HasField("inline") else self._fetched[entry.task_run_id]
            place = tree
            for value in entry.values:
                place = place.setdefault(value, {})
            place.update(_decode(content))
            holds_secrets = holds_secrets or _ENCRYPTED in content
        return revealed(tree, self._plain) if holds_secrets else tree


def outputs_json(result: TaskResult, more: Mapping[str, Any] | None = None) -> bytes | None:
    """What a task returned, with ``more`` over it, as a JSON object; None when there is neither.

    A map in ``more`` is added to the map of that name, if there is one.

    Raises ``TypeError`` when it is neither outputs nor a mapping of texts to JSON values.
    """
    if result is None and more is None:
        return None
    fields: Mapping[str, Any] = {}
    if isinstance(result, Output):
        fields = result.model_dump(by_alias=True, exclude_none=True)
    elif isinstance(result, Mapping):
        fields = {key: value for key, value in result.items() if value is not None}
    elif result is not None:
        raise TypeError(f"a task must return an Output, a mapping or None, not {type(result).__name__}")
    if not all(isinstance(key, str) for key in fields):
        raise TypeError("the names of outputs must be texts")
    for name, value in (more or {}).items():
        own = fields.get(name)
        both = isinstance(own, Mapping) and isinstance(value, Mapping)
        fields = {**fields, name: {**own, **value} if both else value}  # type: ignore[dict-item]  # two mappings
    return msgspec.json.encode(fields, enc_hook=_other)


def _other(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(by_alias=True, exclude_none=True)
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)
