"""Server-sent events: from bytes to events (core plugins 5.5). Pure: what is fed in comes out as events."""

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any

_LINE = re.compile(r"\r\n|\r|\n")
_DIGITS = re.compile(r"[0-9]{1,18}")


class EventReader:
    """Reads one stream. An event that has no end when the stream ends is dropped."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._line: list[str] = []
        self._is_first = True
        self._ended_by_return = False
        self._data: list[str] = []
        self._comments: list[str] = []
        self._fields: dict[str, Any] = {}

    def feed(self, chunk: bytes) -> Iterator[dict[str, Any]]:
        """The events that end in ``chunk``: ``data``, ``id``, ``name``, ``comment``, ``retry``, None for what is not
        there. Data that is JSON is its value, other data a text."""
        text = self._decoder.decode(chunk)
        if not text:
            return
        if self._is_first:
            self._is_first, text = False, text.removeprefix("\ufeff")
        if self._ended_by_return:
            text = text.removeprefix("\n")  # the other half of that line's end
        self._ended_by_return = text.endswith("\r")
        start = 0
        for end in _LINE.finditer(text):
            self._line.append(text[start : end.start()])
            start = end.end()
            event = self._take("".join(self._line))
            self._line.clear()
            if event is not None:
                yield event
        self._line.append(text[start:])

    def _take(self, line: str) -> dict[str, Any] | None:
        if not line:
            return self._end()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "":
            self._comments.append(value)
        elif name == "event":
            self._fields["name"] = value
        elif name == "id" and "\0" not in value:
            self._fields["id"] = value
        elif name == "retry" and _DIGITS.fullmatch(value):
            self._fields["retry"] = int(value)
        return None

    def _end(self) -> dict[str, Any] | None:
        if not (self._data or self._comments or self._fields):
            return None
        event = {
            "data": _value("\n".join(self._data)) if self._data else None,
            "id": self._fields.get("id"),
            "name": self._fields.get("name"),
            "comment": "\n".join(self._comments) if self._comments else None,
            "retry": self._fields.get("retry"),
        }
        self._data, self._comments, self._fields = [], [], {}
        return event


def _value(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text


def _refuse(name: str) -> Any:
    raise ValueError(name)
