"""Needs and fetched values of expressions to and from their messages; used on both sides of the protocol."""

from collections.abc import Iterable, Mapping

import msgspec

from segue.domain.fetched_values import Fetched, Refused, StoredKv
from segue.domain.kv import KvContent, KvType, content_of
from segue.domain.needs import FileInfo, ValueKind, ValueNeed
from segue.expr import KvValue, SecretValue
from segue.proto.generated import worker_pb2 as pb

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_TYPES = {kind.value: kind for kind in KvType}
_KINDS = {kind.value: kind for kind in ValueKind}


def write_needs(needs: Iterable[ValueNeed]) -> list[pb.ValueNeed]:
    """Needs as messages."""
    return [_need(need) for need in needs]


def read_needs(messages: Iterable[pb.ValueNeed]) -> list[ValueNeed]:
    """Needs from messages. Raises ``ValueError`` for a kind that is not known."""
    return [_read_need(message) for message in messages]


def write_values(values: Mapping[ValueNeed, Fetched | Refused]) -> list[pb.FetchedValue]:
    """Values as messages."""
    return [_value(need, value) for need, value in values.items()]


def read_values(messages: Iterable[pb.FetchedValue]) -> dict[ValueNeed, Fetched | Refused]:
    """Values from messages."""
    return {_read_need(message.need): _read_value(message) for message in messages}


def _need(need: ValueNeed) -> pb.ValueNeed:
    return pb.ValueNeed(kind=need.kind, key=need.key, namespace=need.namespace, revision=need.revision)


def _read_need(message: pb.ValueNeed) -> ValueNeed:
    if message.kind not in _KINDS:
        raise ValueError(f"{message.kind[:50]!r} is no kind of value")
    revision = message.revision if message.HasField("revision") else None
    return ValueNeed(_KINDS[message.kind], message.key, message.namespace, revision)


def _value(need: ValueNeed, value: Fetched | Refused) -> pb.FetchedValue:
    message = pb.FetchedValue(need=_need(need))
    if isinstance(value, Refused):
        message.refused = value.reason
    elif isinstance(value, SecretValue):
        message.secret.value = value.value
        message.secret.metadata = _encode(value.metadata) if value.metadata else b""
    elif isinstance(value, KvValue):
        content = value.content if isinstance(value, StoredKv) and value.content else content_of(value.value)
        message.kv.type, message.kv.value, message.kv.expired = content.type, _encode(content.value), value.expired
    elif isinstance(value, FileInfo):
        message.file.uri, message.file.size = value.uri, value.size
    elif isinstance(value, list):
        message.logs = _encode(value)
    elif isinstance(value, str):
        message.plain = value
    return message


def _read_value(message: pb.FetchedValue) -> Fetched | Refused:
    kind = message.WhichOneof("value")
    if kind == "refused":
        return Refused(message.refused)
    if kind == "secret":
        return SecretValue(message.secret.value, _decode(message.secret.metadata) if message.secret.metadata else None)
    if kind == "kv":
        content = KvContent(_TYPES.get(message.kv.type, KvType.JSON), _decode(message.kv.value))
        return StoredKv(content.native, message.kv.expired, content)
    if kind == "file":
        return FileInfo(message.file.uri, message.file.size)
    if kind == "logs":
        lines: list[object] = _decode(message.logs)
        return lines
    return message.plain if kind == "plain" else None
