"""Text to tokens (expression language 2).

A token is a plain tuple `(type, value, position)`: the lexer is on the path of every compilation, and tuples
are the cheapest thing that carries three values.
"""

from __future__ import annotations

import re

from segue.expr.errors import ExpressionSyntaxError

__all__ = ["Token", "inside_raw", "tokenize", "without_raw_tags"]

Token = tuple[str, str, int]

_RAW = re.compile(r"\{%-*\s*raw\s*-*%\}")
_END_RAW = re.compile(r"\{%-*\s*endraw\s*-*%\}")

_OPEN = re.compile(r"\{[{%#]")
_VERBATIM = re.compile(r"\{%(-\s)?\s*verbatim\s*(-?)%\}")
_END_VERBATIM = re.compile(r"\{%(-\s)?\s*endverbatim\s*(-?)%\}")
_COMMENT = re.compile(r"\{#(-\s)?(.*?)(\s-)?#\}", re.DOTALL)

_TOKENS = r"""
    (?P<OPERATOR>(?:is[ ]not|contains|equals|isIn|and|not|or|is)(?!\w)
        |\?\?\?|\?\?|\.\.|==|!=|>=|<=|[><+\-*/%|~])
  | (?P<NAME>[^\W\d]\w*)
  | (?P<LONG>\d+(?=L))L
  | (?P<NUMBER>\d+(?:\.\d+)?)
  | (?P<PUNCTUATION>[()\[\]{}?:.,=])
  | (?P<STRING>'[^'\\]*(?:\\.[^'\\]*)*'|"[^"\\\#]*(?:(?:\\.|\#(?!\{))[^"\\\#]*)*")
  | (?P<INTERPOLATED>")
"""
_INSIDE = re.compile(r"\s*(?:" + _TOKENS + ")", re.VERBOSE | re.DOTALL)
_END = {
    "{{": re.compile(r"\s*(-?)\}\}"),
    "{%": re.compile(r"\s*(-?)%\}"),
    "#{": re.compile(r"\s*()\}"),
}
_START_TYPE = {"{{": "PRINT_START", "{%": "EXECUTE_START", "#{": "PIECE_START"}
_END_TYPE = {"{{": "PRINT_END", "{%": "EXECUTE_END", "#{": "PIECE_END"}
_LITERAL_PIECE = re.compile(r'(?:[^"\\#]|\\.|#(?!\{))*', re.DOTALL)
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_SPACE = re.compile(r"\s*")


class _Lexer:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[Token] = []
        self.trim_next = False
        self.has_end_raw = True

    def run(self) -> list[Token]:
        text = self.text
        pos = 0
        while True:
            opening = _OPEN.search(text, pos)
            if opening is None:
                self.add_text(pos, len(text), trim_end=False)
                self.tokens.append(("EOF", "null", len(text)))
                return self.tokens
            start = opening.start()
            if text[start + 1] == "#":
                pos = self.comment(pos, start)
                continue
            if text[start + 1] == "%":
                after = self.special_tag(pos, start)
                if after is not None:
                    pos = after
                    continue
            inner = start + 2
            trims = text[inner : inner + 1] == "-" and text[inner + 1 : inner + 2].isspace()
            self.add_text(pos, start, trim_end=trims)
            delimiter = text[start:inner]
            self.tokens.append((_START_TYPE[delimiter], delimiter, start))
            pos = self.region(inner + 1 if trims else inner, delimiter)

    def add_text(self, start: int, end: int, *, trim_end: bool) -> None:
        piece = self.text[start:end]
        if self.trim_next:
            piece = piece.lstrip()
            self.trim_next = False
        if trim_end:
            piece = piece.rstrip()
        if piece:
            self.tokens.append(("TEXT", piece, start))

    def comment(self, pos: int, start: int) -> int:
        found = _COMMENT.match(self.text, start)
        if found is None:
            raise ExpressionSyntaxError("Unclosed comment.", self.text, start, piece="{#", advice="Add `#}`.")
        self.add_text(pos, start, trim_end=found[1] is not None)
        self.trim_next = found[3] is not None
        return found.end()

    def special_tag(self, pos: int, start: int) -> int | None:
        """`raw` and `verbatim` blocks: their inside is never parsed. Returns the position after, or None."""
        raw = _RAW.match(self.text, start)
        end_raw = _END_RAW.search(self.text, raw.end()) if raw and self.has_end_raw else None
        if raw is not None and end_raw is not None:
            self.add_text(pos, start, trim_end=False)
            self.tokens.append(("RAW", self.text[start : end_raw.end()], start))
            return end_raw.end()
        if raw is not None:
            self.has_end_raw = False  # and so for every later one: it need not be searched for again
        opening = _VERBATIM.match(self.text, start)
        if opening is None:
            return None
        closing = _END_VERBATIM.search(self.text, opening.end())
        if closing is None:
            message = 'Unexpected end of template. Pebble was looking for the "endverbatim" tag'
            raise ExpressionSyntaxError(message, self.text, start, piece="verbatim")
        self.add_text(pos, start, trim_end=opening[1] is not None)
        self.trim_next = True
        self.add_text(opening.end(), closing.start(), trim_end=closing[1] is not None)
        self.trim_next = closing[2] == "-"
        return closing.end()

    def region(self, pos: int, delimiter: str) -> int:
        """Tokens up to the closing delimiter; brackets are matched here. Returns the position after."""
        text, tokens = self.text, self.tokens
        match, ends = _INSIDE.match, _END[delimiter].match
        brackets: list[str] = []
        while True:
            if not brackets:
                end = ends(text, pos)
                if end is not None:
                    tokens.append((_END_TYPE[delimiter], end[0].strip(), pos))
                    self.trim_next = end[1] == "-"
                    return end.end()
            found = match(text, pos)
            if found is None:
                return self.no_token(pos, brackets)
            kind = found.lastgroup or ""
            value = found[kind]
            start = found.start(kind)
            pos = found.end()
            if kind == "STRING":
                quote = value[0]
                value = value[1:-1]
                if "\\" in value:
                    value = value.replace("\\" + quote, quote)
            elif kind == "PUNCTUATION":
                self.match_bracket(brackets, value, start)
            elif kind == "INTERPOLATED":
                pos = self.interpolated(start)
                continue
            tokens.append((kind, value, start))

    def match_bracket(self, brackets: list[str], value: str, start: int) -> None:
        if value in _CLOSING:
            brackets.append(_CLOSING[value])
        elif value in ")]}" and (not brackets or brackets.pop() != value):
            raise ExpressionSyntaxError(f'Unexpected "{value}"', self.text, start, piece=value)

    def no_token(self, pos: int, brackets: list[str]) -> int:
        skipped = _SPACE.match(self.text, pos)
        pos = skipped.end() if skipped else pos
        if pos >= len(self.text):
            if brackets:
                raise ExpressionSyntaxError(f'Unclosed "{brackets[-1]}"', self.text, pos, piece=brackets[-1])
            self.tokens.append(("EOF", "null", pos))
            return pos
        piece = self.text[pos]
        message = f"Unexpected character [{piece}]"
        if piece in "'\"":
            raise ExpressionSyntaxError(message, self.text, pos, piece=piece, advice="Close the string.")
        raise ExpressionSyntaxError(message, self.text, pos, piece=piece)

    def interpolated(self, start: int) -> int:
        """A double-quoted string with at least one `#{`; escaped quotes are processed."""
        text, tokens = self.text, self.tokens
        tokens.append(("STRING_START", '"', start))
        pos = start + 1
        while True:
            piece = _LITERAL_PIECE.match(text, pos)
            end = piece.end() if piece else pos
            if end > pos:
                tokens.append(("STRING", text[pos:end].replace('\\"', '"'), pos))
            if text.startswith('"', end):
                tokens.append(("STRING_END", '"', end))
                return end + 1
            if not text.startswith("#{", end):
                raise ExpressionSyntaxError("Unclosed string", text, start, piece='"', advice="Close the string.")
            tokens.append(("PIECE_START", "#{", end))
            pos = self.region(end + 2, "#{")
            if pos >= len(text):
                raise ExpressionSyntaxError("Unclosed string", text, start, piece='"', advice="Close the string.")


def inside_raw(source: str) -> str:
    """What stands between the tags of a `raw` block, which is given with them."""
    opening = _RAW.match(source)
    ends = list(_END_RAW.finditer(source))
    return source[opening.end() : ends[-1].start()] if opening and ends else source


def without_raw_tags(text: str) -> str:
    """The text with the insides of `raw` blocks in their place."""
    parts: list[str] = []
    pos = 0
    while (opening := _RAW.search(text, pos)) is not None:
        closing = _END_RAW.search(text, opening.end())
        if closing is None:
            break
        parts += (text[pos : opening.start()], text[opening.end() : closing.start()])
        pos = closing.end()
    return "".join(parts) + text[pos:]


def tokenize(text: str) -> list[Token]:
    """All tokens of a template, ending in EOF.

    Raises:
        ExpressionSyntaxError: an unknown character, an unclosed string, comment or bracket.
    """
    return _Lexer(text).run()
