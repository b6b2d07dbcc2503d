"""KV values, encrypted values, namespaces and places of files: the pure parts behind expressions."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from segue.domain.encrypted import encrypted, holds_encrypted, is_encrypted, revealed
from segue.domain.errors import IllegalPathError, SegueError
from segue.domain.execution.places import Owner, owner_of
from segue.domain.fetched_values import FetchedValues, Refused
from segue.domain.kv import KvContent, KvType, check_key, content_of, read_content
from segue.domain.namespaces import NamespaceAccess, check_namespace, lineage
from segue.domain.needs import FileInfo, Needed, ValueKind, ValueNeed
from segue.expr import Engine, EvaluationError, KvValue, SecretValue, Services

MOMENT = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "kind", "stored", "native"),
    [
        ("5", KvType.NUMBER, 5, 5),
        ("1.5e3", KvType.NUMBER, 1500.0, 1500.0),
        ("TRUE", KvType.BOOLEAN, True, True),
        ("yes", KvType.BOOLEAN, False, False),
        ("2025-01-02T03:04:05Z", KvType.DATETIME, "2025-01-02T03:04:05Z", MOMENT),
        ("2025-01-02T23:30:00-02:00", KvType.DATE, "2025-01-03", date(2025, 1, 3)),
        ("2025-01-02", KvType.DATE, "2025-01-02", date(2025, 1, 2)),
        ("PT1H", KvType.DURATION, "PT1H", timedelta(hours=1)),
        ('{"a": 1}', KvType.JSON, {"a": 1}, {"a": 1}),
        (5, KvType.STRING, "5", "5"),
        ("PT1H", KvType.STRING, "PT1H", "PT1H"),
        ("PT1H", None, "PT1H", timedelta(hours=1)),
        (MOMENT, None, "2025-01-02T03:04:05Z", MOMENT),
        ({"at": MOMENT, 1: [timedelta(seconds=1)]}, None, {"at": "2025-01-02T03:04:05Z", "1": ["PT1S"]}, None),
        (True, None, True, True),
    ],
)
def test_values_and_types(value: Any, kind: KvType | None, stored: Any, native: Any):
    content = content_of(value, kind)
    assert content.value == stored
    if native is not None:
        assert content.native == native


@pytest.mark.parametrize(
    ("value", "kind"),
    [("x", KvType.NUMBER), ("true", KvType.NUMBER), ("soon", KvType.DURATION), ("never", KvType.DATE),
     ("{", KvType.JSON), (float("nan"), None), (float("inf"), None), ("x" * 5_000_000, None)],
)  # fmt: skip
def test_values_that_do_not_fit(value: Any, kind: KvType | None):
    with pytest.raises(SegueError):
        content_of(value, kind)


def test_bodies_of_requests():
    assert read_content(' "PT1H" ') == KvContent(KvType.DURATION, "PT1H")
    assert read_content('"2025-01-02"') == KvContent(KvType.STRING, "2025-01-02")
    assert read_content("2025-13-99") == KvContent(KvType.STRING, "2025-13-99")
    assert read_content("two words") == KvContent(KvType.STRING, "two words")
    for broken in ("", '{"a"', "[1,", '"x', "[" * 100_000):
        with pytest.raises(SegueError, match="Invalid JSON value"):
            read_content(broken)


@pytest.mark.parametrize("key", ["", " ", "_a", ".a", "a b", "a/b", "ä", "a" * 300, "a\n"])
def test_keys_that_are_none(key: str):
    with pytest.raises(SegueError):
        check_key(key)


def test_namespaces():
    assert lineage("a.b.c") == ["a.b.c", "a.b", "a"]
    for name in ("", ".a", "a.", "a..b", "a/b", "a" * 200, "../x"):
        with pytest.raises(SegueError):
            check_namespace(name)
    wanted = {
        NamespaceAccess.ALL: (True, True, True, True),
        NamespaceAccess.HIERARCHY: (True, True, True, False),
        NamespaceAccess.ANCESTORS: (True, True, False, False),
    }
    for access, allowed in wanted.items():
        assert tuple(access.allows("a.b", owner) for owner in ("a.b", "a", "a.b.c", "a.bc")) == allowed


def test_places_of_files():
    assert owner_of("kestra:///a/b/_files/x/y.txt") == Owner("a.b", None, None)
    assert owner_of("kestra:///a/b/f/executions/E1/tasks/t/x") == Owner("a.b", "f", "E1")
    assert owner_of("kestra:///a/_files/f/executions/E1/x") == Owner("a", None, None)
    assert owner_of("kestra:///a/f/executions/E1/_files/x") == Owner("a", "f", "E1")
    for uri in ("kestra:///a/../_files/x", "kestra:///a", "file:///etc/passwd", "kestra:///a/_files/..", "x\0"):
        with pytest.raises(IllegalPathError):
            owner_of(uri)


def test_encrypted_values_are_decrypted_when_they_are_looked_at():
    asked: list[str] = []

    def plain(stored: str) -> str:
        asked.append(stored)
        return stored.upper()

    tree = {"a": encrypted("x"), "b": {"c": [encrypted("y"), 1]}, "d": {"type": "t", "value": "v"}}
    assert is_encrypted(tree["a"])
    assert holds_encrypted(tree)
    seen = revealed(tree, plain)
    assert asked == []
    assert seen["a"] == "X"
    assert asked == ["x"]
    assert seen["b"]["c"] == ["Y", 1]
    assert seen["d"] is tree["d"]
    assert (len(seen), set(seen), "a" in seen) == (3, {"a", "b", "d"}, True)
    untouched = {"type": "io.kestra.datatype:aes_encrypted", "value": 5}
    assert revealed(untouched, plain) is untouched


CONTEXT = {"flow": {"namespace": "a.b", "id": "f"}, "execution": {"id": "E"}}


def rendered(values: FetchedValues, text: str) -> str | None:
    return Engine().render(text, CONTEXT, values.services(Services()))


def test_what_is_not_fetched_interrupts_and_what_is_refused_fails():
    values = FetchedValues()
    with pytest.raises(Needed) as caught:
        rendered(values, "{{ kv('k') ?? 'default' }}")
    need = ValueNeed(ValueKind.KV, "k", "a.b")
    assert caught.value.needs == (need,)
    values.provide({need: None})
    with pytest.raises(Needed) as caught:
        rendered(values, "{{ kv('k') }}")
    assert caught.value.needs == (ValueNeed(ValueKind.KV, "k", "a"),)
    values.provide({ValueNeed(ValueKind.KV, "k", "a"): KvValue(7)})
    assert rendered(values, "{{ kv('k') + 1 }}") == "8"
    values.provide({need: Refused("not for you")})
    with pytest.raises(EvaluationError, match="not for you"):
        rendered(values, "{{ kv('k') }}")


def test_secrets_are_noted_when_they_are_looked_at():
    noted: list[str] = []
    values = FetchedValues(noted.append)
    values.provide({
        ValueNeed(ValueKind.SECRET, "A", "a.b"): SecretValue('{"p": "hush"}'),
        ValueNeed(ValueKind.SECRET, "B", "a.b"): SecretValue("other"),
    })  # fmt: skip
    assert noted == []
    assert rendered(values, "{{ secret('A', subkey='p') }}{{ secret('A', subkey='p') }}") == "hushhush"
    assert noted == ['{"p": "hush"}', "hush"]


def test_files():
    values = FetchedValues()
    values.provide({
        ValueNeed(ValueKind.FILE, "x.txt", "a.b"): FileInfo("kestra:///a/b/_files/x.txt", 3),
        ValueNeed(ValueKind.FILE, "x.txt", "a.b", 1): None,
        ValueNeed(ValueKind.CONTENT, "kestra:///a/b/_files/x.txt"): b"abc",
    })  # fmt: skip
    assert rendered(values, "{{ read('/x.txt') }} {{ fileSize('x.txt') }} {{ fileURI('x.txt') }}") == (
        "abc 3 kestra:///a/b/_files/x.txt"
    )
    with pytest.raises(EvaluationError, match=r"There is no file 'x.txt' of revision 1 in the namespace 'a.b'"):
        rendered(values, "{{ read('x.txt', revision=1) }}")
