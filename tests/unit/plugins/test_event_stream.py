"""Server-sent events, however they are cut into pieces."""

import pytest

from segue.plugins.core.http.event_stream import EventReader

TEXT = "\ufeffid: 1\nid: a\0b\nretry: 5s\nretry: 10\n: c1\n:c2\nevent:e\ndata: é\r\ndata:  x\rdata\n\nother: x\n\n\r\ndata: last"


def read(parts):
    reader = EventReader()
    return [event for part in parts for event in reader.feed(part)]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_pieces_do_not_matter(size):
    content = TEXT.encode()
    events = read(content[start : start + size] for start in range(0, len(content), size))
    assert events == [{"data": "é\n x\n", "id": "1", "name": "e", "comment": "c1\nc2", "retry": 10}]


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ("12", 12),
        ("true", True),
        ("null", None),
        ('"a"', "a"),
        ("[1]", [1]),
        ("{", "{"),
        ("NaN", "NaN"),
        ("[" * 9999, "[" * 9999),
    ],
)
def test_data_that_is_json_is_its_value(data, value):
    (event,) = read([f"data: {data}\n\n".encode()])
    assert event["data"] == value
