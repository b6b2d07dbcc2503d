"""What a jq program may name, and whether it is cheap enough to run within this process (expression language 7.4, 12).

jq runs in C and cannot be stopped: programs that could grow or loop without end need a runner with a deadline
(`Services.jq`). Cheap is a program that follows paths, selects, maps and compares: its work is bounded by the size of
its input, times a power of two for each operator that can double something.
"""

from __future__ import annotations

import re

from segue.expr.errors import EvaluationError

__all__ = ["checked_program", "is_cheap"]

_TOKEN = re.compile(
    r"""\#[^\n]* | "(?:[^"\\]|\\.)*" | \.[A-Za-z_]\w* | \.\. | \[\s*\] | [$@]?[A-Za-z_][\w:]*\w | [A-Za-z_]
    | \d+(?:\.\d+)?(?:[eE][+-]?\d+)? | [=!<>]= | \?// | // | \S""",
    re.VERBOSE | re.DOTALL,
)
_REFUSED = frozenset(
    {
        "env", "$ENV", "$__prog_args", "input", "inputs", "input_filename", "input_line_number", "debug",
        "stderr", "halt", "halt_error", "import", "include", "modulemeta", "get_search_list",
    }
)  # fmt: skip
_CHEAP = frozenset(
    {
        "length", "utf8bytelength", "not", "keys", "keys_unsorted", "values", "has", "in", "map", "map_values",
        "path", "del", "to_entries", "from_entries", "with_entries", "select", "empty", "error", "add", "any",
        "all", "flatten", "floor", "sqrt", "round", "ceil", "trunc", "fabs", "abs", "tostring", "tonumber",
        "type", "infinite", "nan", "isinfinite", "isnan", "isnormal", "sort", "sort_by", "group_by", "min",
        "max", "min_by", "max_by", "unique", "unique_by", "reverse", "contains", "inside", "startswith",
        "endswith", "ltrimstr", "rtrimstr", "explode", "implode", "split", "join", "ascii_downcase",
        "ascii_upcase", "transpose", "first", "last", "index", "rindex", "indices", "tojson", "fromjson",
        "todate", "fromdate", "mktime", "gmtime", "strftime", "strptime", "fromdateiso8601", "todateiso8601",
        "now", "getpath", "paths", "leaf_paths", "tostream", "arrays", "objects", "iterables", "booleans",
        "numbers", "normals", "strings", "nulls", "scalars", "and", "or", "if", "then", "elif", "else", "end",
        "as", "try", "catch", "true", "false", "null", "toarray", "ltrim", "rtrim", "trim", "@text", "@json",
        "@csv", "@tsv", "@html", "@uri", "@sh", "@base64", "@base64d", "pow", "log", "log10", "exp",
    }
)  # fmt: skip
_DOUBLING = frozenset({"+", "*", ",", "add", "join", "tojson", "tostring", "explode", "@csv"})
_GENERATING = frozenset({"[]", "..", "paths", "leaf_paths", "tostream", "map", "any", "all"})
_STATEFUL = frozenset({"=", ";"})
_OPENING, _CLOSING = frozenset("{(["), frozenset("})]")
_MOST_OPERATORS = 20
_MOST_WORK = 5_000_000
_LARGEST_NUMBER = 10_000


def _tokens(program: str) -> list[str]:
    """Tokens without fields and plain strings; of other strings what is interpolated."""
    found: list[str] = []
    for piece in _TOKEN.findall(program):
        if piece[0] == '"':
            for inside in piece.split("\\(")[1:]:
                found += ["+", *_tokens(_up_to_bracket(inside))]
        elif piece == ".." or piece[0] != ".":
            found.append("[]" if piece[0] == "[" and piece[-1] == "]" else piece)
    return found


def _up_to_bracket(text: str) -> str:
    """The text before the bracket that closes an interpolation."""
    depth = 0
    for index, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if depth < 0:
            return text[:index]
    return text.rstrip('"')


def checked_program(expression: object, longest: int) -> str:
    """The program, if it cannot reach outside.

    Raises:
        EvaluationError: it is no text, too long, or names what reads the environment, files or the rest of the input.
    """
    if not isinstance(expression, str) or len(expression) > longest:
        raise EvaluationError("The 'jq' filter expects an argument 'expression' with type string.")
    words = set(re.findall(r"(?<![.\w])\$?[A-Za-z_]\w*", expression)) & _REFUSED
    if words:
        raise EvaluationError(f"The 'jq' filter does not allow `{min(words)}`")
    return expression


def is_cheap(program: str, text: str) -> bool:
    """Whether the program is sure to end soon on this input."""
    doublings = generators = 0
    brackets: list[str] = []
    before = ""
    for word in _tokens(program):
        in_map = bool(brackets) and brackets[-1] == "{"
        if word in _OPENING:
            brackets.append(word)
        elif word in _CLOSING and brackets:
            brackets.pop()
        elif word[0].isalpha() or word[0] in "@_":
            is_key = in_map and before in ("{", ",")
            if not is_key and word not in _CHEAP:
                return False
        elif word in _STATEFUL or word[0] in "$#" or (word[0].isdigit() and float(word) > _LARGEST_NUMBER):
            return False
        doublings += word in _DOUBLING and not (word == "," and in_map)
        doublings += word[0] == "@"
        generators += word in _GENERATING
        before = word
    if doublings > _MOST_OPERATORS or generators > _MOST_OPERATORS:
        return False
    values = 1 + text.count(",")
    return bool(len(text) * 2**doublings * values ** max(0, generators - 1) <= _MOST_WORK)
