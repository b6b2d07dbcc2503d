"""Java's spelling of regular expressions to that of the package `regex`, version 1 (expression language 7.1, 12).

Version 1 of `regex` reads nested classes, `&&`, possessive quantifiers and flags within groups as Java does. What is
spelled differently is translated; what Java does not know (recursion, fuzzy matching, verbs, conditions) is refused, so
that no pattern means something else here. Differences that remain: `\\b` and case-insensitive matching know all of
Unicode, and look-behind may be of any length.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from segue.expr.errors import EvaluationError

__all__ = ["translate"]

_SPACE = r" \t\n\x0B\f\r"
_HORIZONTAL = r" \t\xA0\u1680\u180e\u2000-\u200a\u202f\u205f\u3000"
_VERTICAL = r"\n\x0B\f\r\x85\u2028\u2029"
_CLASSES: Mapping[str, str] = {"d": "0-9", "w": "a-zA-Z0-9_", "s": _SPACE, "h": _HORIZONTAL, "v": _VERTICAL}
_PROPERTIES: Mapping[str, str] = {
    "Alpha": "a-zA-Z",
    "Digit": "0-9",
    "Alnum": "a-zA-Z0-9",
    "Upper": "A-Z",
    "Lower": "a-z",
    "Space": _SPACE,
    "Blank": r" \t",
    "XDigit": "0-9a-fA-F",
    "Punct": r"!-/:-@\[-`{-\~",
    "ASCII": r"\x00-\x7F",
    "Graph": r"!-\~",
    "Print": r" -\~",
    "Cntrl": r"\x00-\x1F\x7F",
    "javaLowerCase": r"\p{Lowercase}",
    "javaUpperCase": r"\p{Uppercase}",
    "javaWhitespace": r"\s",
}
_SIMPLE: Mapping[str, str] = {"t": r"\t", "n": r"\n", "r": r"\r", "f": r"\f", "a": r"\x07", "e": r"\x1B"}
_ANCHORS: Mapping[str, str] = {"b": r"\b", "B": r"\B", "A": r"\A", "G": r"\G", "R": r"\R", "X": r"\X"}
_ENDS: Mapping[str, str] = {"z": r"\Z", "Z": r"(?=\n?\Z)"}
_GROUP = re.compile(r"\(\?(?:[:=!>]|<[=!]|<[A-Za-z][A-Za-z0-9]*>)")
_FLAGS = re.compile(r"\(\?([idmsuxU]*)(-[idmsuxU]+)?([:)])")
_COUNT = re.compile(r"\{(\d{1,9})(?:(,)(\d{0,9}))?\}")
_CODE = re.compile(r"0([0-3]?[0-7]{1,2})|x\{([0-9a-fA-F]{1,6})\}|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})")
_PROPERTY = re.compile(r"[pP](?:\{\^?([\w=-]{1,60})\}|([A-Z]))")
_BACK = re.compile(r"[1-9]\d?|k<([A-Za-z][A-Za-z0-9]*)>")


class _Translator:
    """One pass over the pattern; `weight` counts its parts as often as counted repetitions unfold them."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.pos = 0
        self.depth = 0
        self.out: list[str] = []
        self.outer: list[int] = []
        self.weight = 0
        self.last = 0

    def fail(self, reason: str) -> EvaluationError:
        return EvaluationError(f"Invalid regex '{self.source[:200]}': {reason} near index {self.pos}")

    def run(self) -> tuple[str, int]:
        while self.pos < len(self.source):
            char = self.source[self.pos]
            if char == "\\":
                self.escape()
            elif self.depth:
                self.in_class(char)
            else:
                self.outside(char)
        return "".join(self.out), self.weight

    def put(self, text: str, length: int, *, atom: bool = True) -> None:
        self.out.append(text)
        self.pos += length
        if atom and not self.depth:
            self.last = 1
            self.weight += 1

    def outside(self, char: str) -> None:
        if char == "[":
            self.open_class()
        elif char == "(":
            self.open_group()
        elif char == ")":
            inner = self.weight
            self.weight = (self.outer.pop() if self.outer else 0) + inner
            self.put(char, 1, atom=False)
            self.last = inner
        elif char == "{":
            self.count()
        else:
            self.put(char, 1, atom=char not in "?*+|")

    def open_group(self) -> None:
        flags = _FLAGS.match(self.source, self.pos)
        if flags is not None:
            self.flags(flags)
            return
        group = _GROUP.match(self.source, self.pos)
        if group is None and self.source[self.pos + 1 : self.pos + 2] in ("?", "*"):
            raise self.fail("Unknown inline modifier or group")
        self.put(group[0] if group else "(", group.end() - self.pos if group else 1, atom=False)
        self.enter()

    def enter(self) -> None:
        self.outer.append(self.weight)
        self.weight = 0

    def flags(self, found: re.Match[str]) -> None:
        on = "".join(flag for flag in found[1] if flag in "imsx")
        off = "".join(flag for flag in found[2] or "" if flag in "imsx")
        text = on + (f"-{off}" if off else "")
        if found[3] == ":":
            self.put(f"(?{text}:", len(found[0]), atom=False)
            self.enter()
        else:
            self.put(f"(?{text})" if text else "", len(found[0]), atom=False)

    def count(self) -> None:
        found = _COUNT.match(self.source, self.pos)
        if found is None:
            raise self.fail("Illegal repetition")
        times = int(found[3] or found[1])
        self.weight += self.last * max(times - 1, 0)
        self.last *= max(times, 1)
        self.put(found[0], len(found[0]), atom=False)

    def open_class(self) -> None:
        self.depth += 1
        length = 2 if self.source[self.pos + 1 : self.pos + 2] == "^" else 1
        text = self.source[self.pos : self.pos + length]
        if self.source[self.pos + length : self.pos + length + 1] == "]":
            text, length = text + r"\]", length + 1
        self.put(text, length)

    def in_class(self, char: str) -> None:
        if char == "[":
            self.open_class()
        elif char == "]":
            self.depth -= 1
            self.put(char, 1)
        else:
            self.put("\\" + char if char in "|~:" else char, 1)

    def escape(self) -> None:
        char = self.source[self.pos + 1 : self.pos + 2]
        if not char:
            raise self.fail("Unexpected internal error: pattern ends with a backslash")
        if char == "Q":
            end = self.source.find("\\E", self.pos)
            quoted = self.source[self.pos + 2 : end if end >= 0 else None]
            self.put(re.escape(quoted), len(quoted) + (4 if end >= 0 else 2))
        elif char == "E":
            self.put("", 2, atom=False)
        elif char.lower() in _CLASSES:
            self.shorthand(_CLASSES[char.lower()], 2, negated=char.isupper())
        elif char in _SIMPLE:
            self.put(_SIMPLE[char], 2)
        elif char in "pP":
            self.property()
        elif char in "0xuc":
            self.code()
        elif not char.isascii() or not char.isalnum():
            self.put("\\" + char if char.isascii() else char, 2)
        else:
            self.anchor(char)

    def shorthand(self, members: str, length: int, *, negated: bool) -> None:
        if negated:
            self.put(f"[^{members}]", length)
        else:
            self.put(members if self.depth else f"[{members}]", length)

    def anchor(self, char: str) -> None:
        if self.depth:
            raise self.fail("Illegal/unsupported escape sequence")
        back = _BACK.match(self.source, self.pos + 1)
        if back is not None:
            self.put(f"(?P={back[1]})" if back[1] else f"(?:\\{back[0]})", 1 + len(back[0]))
        elif char in _ANCHORS:
            self.put(_ANCHORS[char], 2)
        elif char in _ENDS:
            self.put(_ENDS[char], 2)
        else:
            raise self.fail("Illegal/unsupported escape sequence")

    def property(self) -> None:
        found = _PROPERTY.match(self.source, self.pos + 1)
        if found is None:
            raise self.fail("Unknown character property")
        name = found[1] or found[2]
        negated = self.source[self.pos + 1] == "P"
        if name in _PROPERTIES:
            self.shorthand(_PROPERTIES[name], 1 + len(found[0]), negated=negated)
        else:
            self.put(f"\\{'P' if negated else 'p'}{{{name}}}", 1 + len(found[0]))

    def code(self) -> None:
        if self.source[self.pos + 1] == "c" and self.source[self.pos + 2 : self.pos + 3]:
            self.put(f"\\x{ord(self.source[self.pos + 2]) & 0x7F ^ 64:02x}", 3)
            return
        found = _CODE.match(self.source, self.pos + 1)
        if found is None:
            raise self.fail("Illegal escape sequence")
        number = int(found[1], 8) if found[1] else int(found[2] or found[3] or found[4], 16)
        if number > 0x10FFFF:
            raise self.fail("Hexadecimal codepoint is too big")
        self.put(f"\\U{number:08x}", 1 + len(found[0]))


def translate(source: str) -> tuple[str, int]:
    """The pattern as `regex` reads it, and how many parts it has once counted repetitions are written out.

    Raises:
        EvaluationError: `Invalid regex ...`, for what Java would refuse too.
    """
    return _Translator(source).run()
