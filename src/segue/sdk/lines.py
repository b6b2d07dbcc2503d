"""From the bytes a program writes to lines of text (core plugins 14.1). No input or output here."""

import re

LONGEST_LINE = 4 * 1024 * 1024
"""How many bytes of a line are kept."""

_END = re.compile(rb"\r\n|\n|\r")


class LineSplitter:
    """Takes chunks of a stream and gives its lines without their ends.

    Lines end with a line feed, a carriage return or both. The text is UTF-8; what is not, and NUL, becomes U+FFFD.
    Of a line longer than ``longest`` bytes the rest is dropped, and a note at its end says how much: a stream without
    any line end takes no more memory than that.
    """

    def __init__(self, longest: int = LONGEST_LINE) -> None:
        self._longest = longest
        self._parts: list[bytes] = []
        self._size = 0
        self._dropped = 0
        self._after_return = False

    def feed(self, chunk: bytes) -> list[str]:
        """The lines that are complete with this chunk."""
        if self._after_return and chunk.startswith(b"\n"):
            chunk = chunk[1:]
            self._after_return = False
        if not chunk:
            return []
        self._after_return = chunk.endswith(b"\r")
        *ended, rest = _END.split(chunk)
        lines = []
        for part in ended:
            self._keep(part)
            lines.append(self._take())
        self._keep(rest)
        return lines

    def finish(self) -> list[str]:
        """The last line, when no line end was behind it."""
        return [self._take()] if self._size else []

    def _keep(self, part: bytes) -> None:
        room = self._longest - self._size
        if len(part) > room:
            self._dropped += len(part) - room
            part = part[:room]
        if part:
            self._parts.append(part)
            self._size += len(part)

    def _take(self) -> str:
        text = b"".join(self._parts).decode("utf-8", "replace").replace("\0", "\ufffd")
        if self._dropped:
            text += f"... ({self._dropped} bytes more of this line are left out)"
        self._parts.clear()
        self._size = self._dropped = 0
        return text
