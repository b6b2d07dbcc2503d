"""Tasks over files of internal storage (core plugins 8), through a real controller and worker."""

import asyncio

import msgspec
import pytest
from whole import open_whole

from segue.domain.execution.state import State
from segue.expr.ion.binary_writer import ion_bytes
from segue.plugins.core import backwards, parts, splitting

STORAGE = "io.kestra.plugin.core.storage."
RECORDS = [{"id": 1, "city": "Paris"}, {"id": 2, "city": "Rom"}, {"id": 3, "city": "Paris"}, {"id": 4, "city": None}]


@pytest.fixture
async def whole(tmp_path):
    async with open_whole(tmp_path) as opened:
        yield opened


async def give(whole, content, name="in.ion"):
    """Store a file that all flows of the namespace may read."""

    async def chunks():
        yield content

    await whole.stage.files.write("main", "io.test", name, chunks())
    return f"nsfile:///{name}"


async def content_of(whole, uri):
    return b"".join([chunk async for chunk in whole.stage.storage.get("main", uri)])


async def run(whole, type_, properties):
    """One task: its row and outputs."""
    task = {"id": "t", "type": type_ if "." in type_ else STORAGE + type_, **properties}
    row, runs = await whole.run(f"  - {msgspec.json.encode(task).decode()}\n")
    assert row.state is State.SUCCESS, await whole.stage.lines(runs["t"].id)
    return await whole.stage.outputs(runs["t"].id)


async def fail(whole, type_, properties):
    """The error of one task."""
    task = {"id": "t", "type": STORAGE + type_, **properties}
    row, runs = await whole.run(f"  - {msgspec.json.encode(task).decode()}\n")
    assert row.state is State.FAILED
    return " ".join(await whole.stage.lines(runs["t"].id))


def lines(*records):
    return b"".join(msgspec.json.encode(record) + b"\n" for record in records)


async def test_files_are_joined(whole):
    one, two = await give(whole, b"a\n", "1.txt"), await give(whole, b"b", "2.txt")
    binary = await give(whole, ion_bytes(RECORDS[:2], 1000), "3.ion")
    empty = await give(whole, b"", "4.txt")
    outputs = await run(whole, "Concat", {"files": [one, two]})
    assert outputs["uri"].endswith(".tmp")
    assert await content_of(whole, outputs["uri"]) == b"a\nb"
    files = msgspec.json.encode([one, empty, two, binary]).decode()
    outputs = await run(whole, "Concat", {"files": "{{ '" + files + "' }}", "separator": "|", "extension": ".txt"})
    assert outputs["uri"].endswith(".txt")
    assert await content_of(whole, outputs["uri"]) == b'a\n||b|{id:1,city:"Paris"}\n{id:2,city:"Rom"}\n|'
    outputs = await run(whole, "io.kestra.core.tasks.storages.Concat", {"files": "[]"})
    assert await content_of(whole, outputs["uri"]) == b""
    assert "There is no file 'none'" in await fail(whole, "Concat", {"files": ["nsfile:///none"]})


async def test_a_file_is_deleted_once(whole):
    made = f"  - {{id: w, type: {STORAGE}Write, content: x}}\n"
    delete = f"type: {STORAGE}Delete, uri: '{{{{ outputs.w.uri }}}}'"
    row, runs = await whole.run(
        f"{made}  - {{id: d, {delete}}}\n  - {{id: again, {delete}}}\n  - {{id: t, {delete}, errorOnMissing: true}}\n"
    )
    uri = (await whole.stage.outputs(runs["w"].id))["uri"]
    assert await whole.stage.outputs(runs["d"].id) == {"uri": uri, "deleted": True}
    assert await whole.stage.outputs(runs["again"].id) == {"uri": uri, "deleted": False}
    assert row.state is State.FAILED
    assert f"Unable to find file '{uri}'" in " ".join(await whole.stage.lines(runs["t"].id))
    assert not await whole.stage.storage.exists("main", uri)


async def test_files_of_others_are_not_deleted(whole):
    row, runs = await whole.run(f"  - {{id: w, type: {STORAGE}Write, content: x}}\n")
    uri = (await whole.stage.outputs(runs["w"].id))["uri"]
    assert "is not related" in await fail(whole, "Delete", {"uri": uri})
    await give(whole, b"x", "a.txt")
    place = (await whole.stage.files.get("main", "io.test", "a.txt")).uri
    assert "by its path" in await fail(whole, "Delete", {"uri": place})
    assert "no plain URI" in await fail(whole, "Delete", {"uri": "kestra:///io/test/f/executions/../x"})
    assert "belongs to no execution" in await fail(whole, "Delete", {"uri": "nsfile:///a.txt"})
    assert await content_of(whole, uri) == b"x"
    assert await content_of(whole, place) == b"x"
    assert row.state is State.SUCCESS


@pytest.mark.parametrize(
    ("content", "properties", "expected"),
    [
        (b"a\nbb\n\nc", {}, b"c\n\nbb\na\n"),
        (b"a\nb\n", {}, b"b\na\n"),
        (b"\na\n", {}, b"a\n\n"),
        (b"", {}, b""),
        (b"\n", {}, b"\n"),
        (b"a;b;;", {"separator": ";"}, b";b;a;"),
        (b"a<>b<>c", {"separator": "{{ '<>' }}"}, b"c<>b<>a<>"),
        ("é\nü\n".encode("latin-1"), {"charset": "ISO-8859-1"}, "ü\né\n".encode("latin-1")),
        ("a\nਊ\nb".encode("utf-16"), {"charset": "UTF-16"}, "b\nਊ\na\n".encode("utf-16")),
        ("a\nਊ\nb".encode("utf-16-be"), {"charset": "UTF-16BE"}, "b\nਊ\na\n".encode("utf-16-be")),
        ("a\nb".encode("utf-16-be"), {"charset": "UTF-16"}, "b\na\n".encode("utf-16-be")),
        ("a\nb".encode("utf-32"), {"charset": "UTF-32"}, "b\na\n".encode("utf-32")),
        (ion_bytes(RECORDS[:2], 1000), {}, b'{id:2,city:"Rom"}\n{id:1,city:"Paris"}\n'),
    ],
)
@pytest.mark.parametrize("block", [4, 4096])
async def test_lines_are_turned_round(whole, monkeypatch, content, properties, expected, block):
    monkeypatch.setattr(backwards, "BLOCK", block)
    uri = await give(whole, content, "in.csv")
    outputs = await run(whole, "Reverse", {"from": uri, **properties})
    assert outputs["uri"].endswith(".csv")
    assert await content_of(whole, outputs["uri"]) == expected


async def test_what_cannot_be_turned_round_is_told(whole, monkeypatch):
    uri = await give(whole, b"x" * 1000)
    assert "'klingon' is no charset" in await fail(whole, "Reverse", {"from": uri, "charset": "klingon"})
    assert "'base64' is no charset" in await fail(whole, "Reverse", {"from": uri, "charset": "base64"})
    assert "cannot be written" in await fail(whole, "Reverse", {"from": uri, "charset": "ascii", "separator": "→"})
    assert "must not be empty" in await fail(whole, "Reverse", {"from": uri, "separator": ""})
    assert "There is no file" in await fail(whole, "Reverse", {"from": "nsfile:///none"})
    monkeypatch.setattr(backwards, "MAX_RECORD", 100)
    assert "longer than 100 bytes" in await fail(whole, "Reverse", {"from": uri})


async def split(whole, content, properties, name="in.ion"):
    outputs = await run(whole, "Split", {"from": await give(whole, content, name), **properties})
    return [await content_of(whole, uri) for uri in outputs["uris"]]


async def test_a_file_is_cut_by_each_rule(whole):
    thousand = b"".join(b"%d\n" % number for number in range(1000))
    parts = await split(whole, thousand, {"partitions": 8})
    assert len(parts) == 8
    assert parts[1].startswith(b"1\n9\n17\n")
    parts = await split(whole, thousand, {"rows": "{{ 5 * 2 }}"})
    assert len(parts) == 100
    assert parts[99] == thousand[-40:]
    assert b"".join(parts) == thousand
    parts = await split(whole, (b"x" * 20 + b"\n") * 12288, {"bytes": "1KB"})
    assert len(parts) == 251
    assert {len(part) for part in parts[:-1]} == {1029}
    assert await split(whole, b"a1\nb1\nzz\na2\n", {"regexPattern": "^([ab])", "rows": 1}) == [b"a1\na2\n", b"b1\n"]
    assert await split(whole, b"a;b;c", {"rows": 2, "separator": ";"}) == [b"a;b;", b"c;"]
    assert await split(whole, b"a\n", {"partitions": 3}) == [b"a\n"]
    assert await split(whole, b"", {"rows": 3}) == []


async def test_binary_ion_is_cut_by_records(whole):
    parts = await split(whole, ion_bytes(RECORDS[:3], 1000), {"rows": 2})
    assert parts == [b'{id:1,city:"Paris"}\n{id:2,city:"Rom"}\n', b'{id:3,city:"Paris"}\n']


async def test_names_of_parts_end_as_the_file_does(whole):
    outputs = await run(whole, "Split", {"from": await give(whole, b"a\nb\n", "x.csv"), "rows": 1})
    assert [uri.rpartition("/")[2] for uri in outputs["uris"]] == ["part-0.csv", "part-1.csv"]
    outputs = await run(whole, "Split", {"from": await give(whole, b"a\n", "x"), "rows": 1})
    assert outputs["uris"][0].endswith("part-0.tmp")


async def test_what_cannot_be_cut_is_told(whole):
    uri = await give(whole, b"a\n")
    reason = "Invalid configuration with no size, count, rows, nor regexPattern"
    assert reason in await fail(whole, "Split", {"from": uri})
    assert "`rows` must be at least 1" in await fail(whole, "Split", {"from": uri, "rows": 0})
    assert "such as 10MB" in await fail(whole, "Split", {"from": uri, "bytes": "much"})
    assert "needs a group" in await fail(whole, "Split", {"from": uri, "regexPattern": "a"})


@pytest.mark.parametrize("content", [lines(*RECORDS), ion_bytes(RECORDS, 1000)])
async def test_records_are_filtered(whole, content):
    uri = await give(whole, content)
    outputs = await run(whole, "FilterItems", {"from": uri, "filterCondition": "{{ city == 'Paris' }}"})
    assert outputs["processedItemsTotal"] == 4
    assert outputs["droppedItemsTotal"] == 2
    assert outputs["uri"].endswith(".ion")
    kept = await content_of(whole, outputs["uri"])
    assert kept.count(b"\n") == 2
    assert b"Rom" not in kept
    outputs = await run(
        whole, "FilterItems", {"from": uri, "filterCondition": "{{ city == 'Paris' }}", "filterType": "EXCLUDE"}
    )
    assert b"Paris" not in await content_of(whole, outputs["uri"])


async def test_conditions_see_the_run_as_well_and_are_true_as_texts_are(whole):
    uri = await give(whole, lines(*RECORDS))
    for condition, kept in (
        ("{{ id > 2 and flow.id == 'f' }}", 2),
        ("{{ id }}", 4),
        ("{{ id - 1 }}", 3),
        ("yes {{ id }}", 4),
        ("false", 0),
        ("{{ [] }}", 4),
        ("{{ '' }}", 0),
    ):
        outputs = await run(whole, "FilterItems", {"from": uri, "filterCondition": condition})
        assert outputs["processedItemsTotal"] - outputs["droppedItemsTotal"] == kept, condition


@pytest.mark.parametrize(
    ("condition", "reason"), [("{{ nobody == 1 }}", "nobody"), ("{{ city }}", "The condition is null for the record 4")]
)
async def test_errors_and_null_are_treated_as_told(whole, condition, reason):
    uri = await give(whole, lines(*RECORDS))
    task = {"from": uri, "filterCondition": condition}
    assert reason in await fail(whole, "FilterItems", task)
    faults = 4 if "nobody" in condition else 1
    for filter_type in ("INCLUDE", "EXCLUDE"):
        others = 4 - faults if filter_type == "INCLUDE" else 0
        for behavior, more in (("INCLUDE", faults), ("EXCLUDE", 0)):
            outputs = await run(
                whole, "FilterItems", task | {"filterType": filter_type, "errorOrNullBehavior": behavior}
            )
            assert 4 - outputs["droppedItemsTotal"] == others + more


async def test_what_holds_no_records_is_told(whole):
    uri = await give(whole, b'{"id":1}\n7\n')
    task = {"from": uri, "filterCondition": "{{ id }}"}
    assert "the record 2 has no columns" in await fail(whole, "FilterItems", task)
    outputs = await run(whole, "FilterItems", task | {"errorOrNullBehavior": "EXCLUDE"})
    assert await content_of(whole, outputs["uri"]) == b'{"id":1}\n'
    assert "the record 2 has no columns" in await fail(whole, "DeduplicateItems", {"from": uri, "expr": "{{ id }}"})
    uri = await give(whole, b"a;b\n1;2\n", "in.csv")
    assert "no record in line 1" in await fail(whole, "FilterItems", {"from": uri, "filterCondition": "{{ a }}"})
    assert "`filterType` rendered to" in await fail(whole, "FilterItems", task | {"filterType": "{{ 'SOME' }}"})


@pytest.mark.parametrize("content", [lines(*RECORDS), ion_bytes(RECORDS, 1000)])
async def test_the_last_record_of_each_key_stays_in_place(whole, content):
    uri = await give(whole, content)
    outputs = await run(whole, "DeduplicateItems", {"from": uri, "expr": "{{ city }}"})
    kept = (await content_of(whole, outputs.pop("uri"))).decode().splitlines()
    assert outputs == {"numKeys": 3, "processedItemsTotal": 4, "droppedItemsTotal": 1}
    assert ["Rom" in kept[0], "Paris" in kept[1], "null" in kept[2]] == [True, True, True]
    outputs = await run(whole, "DeduplicateItems", {"from": uri, "expr": "{{ id }} {{ city }}"})
    assert outputs["droppedItemsTotal"] == 0
    assert "nobody" in await fail(whole, "DeduplicateItems", {"from": uri, "expr": "{{ nobody }}"})


async def test_an_empty_file_has_no_records(whole):
    uri = await give(whole, b"")
    outputs = await run(whole, "DeduplicateItems", {"from": uri, "expr": "{{ id }}"})
    assert outputs["numKeys"] == outputs["processedItemsTotal"] == 0
    outputs = await run(whole, "FilterItems", {"from": uri, "filterCondition": "{{ id }}"})
    assert await content_of(whole, outputs["uri"]) == b""


async def test_filtering_can_be_killed(whole):
    uri = await give(whole, b'{"id":1}\n' * 200_000)
    task = {"id": "t", "type": STORAGE + "FilterItems", "from": uri, "filterCondition": "{{ range(0, 300) | sum }}"}
    task["timeout"] = "PT0.5S"
    began = asyncio.get_running_loop().time()
    row, _ = await whole.run(f"  - {msgspec.json.encode(task).decode()}\n")
    assert row.state is State.FAILED
    assert asyncio.get_running_loop().time() - began < 8


@pytest.mark.parametrize("buffered", [1, 50, 1000])
async def test_parts_that_do_not_fit_into_memory_go_to_disk(whole, monkeypatch, buffered):
    monkeypatch.setattr(parts, "_BUFFERED", buffered)
    content = b"".join(b"%d\n" % number for number in range(300))
    for properties in ({"rows": 70}, {"partitions": 7}, {"bytes": "100"}):
        found = await split(whole, content, properties)
        assert sorted(b"".join(found).split()) == sorted(content.split())
        if "partitions" not in properties:
            assert b"".join(found) == content


async def test_there_are_bounds_to_parts_and_records(whole, monkeypatch):
    uri = await give(whole, b"a\nb\nc\nd\n" + b"x" * 100)
    monkeypatch.setattr(parts, "_MOST_PARTS", 3)
    assert "more than 3 parts" in await fail(whole, "Split", {"from": uri, "rows": 1})
    monkeypatch.setattr(splitting, "MAX_RECORD", 50)
    assert "longer than 50 bytes" in await fail(whole, "Split", {"from": uri, "partitions": 2})


async def test_all_forms_of_old_names_are_known(whole):
    uri = await give(whole, lines(*RECORDS))
    old = "io.kestra.core.tasks.storages."
    assert (await run(whole, old + "DeduplicateItems", {"from": uri, "expr": "{{ id }}"}))["numKeys"] == 4
    assert len((await run(whole, old + "Split", {"from": uri, "rows": 3}))["uris"]) == 2


async def test_a_property_that_renders_to_nothing_counts_as_absent(whole):
    uri = await give(whole, b"a\nb\nc\n", "in.txt")
    nothing = "{{ '' }}"
    outputs = await run(whole, "Split", {"from": uri, "regexPattern": nothing, "bytes": nothing, "rows": 2})
    assert [await content_of(whole, part) for part in outputs["uris"]] == [b"a\nb\n", b"c\n"]
    outputs = await run(whole, "Reverse", {"from": uri, "charset": nothing})
    assert await content_of(whole, outputs["uri"]) == b"c\nb\na\n"
