"""Random templates: grammatical ones made from every registered name, and mutations of known ones.

Everything is drawn from a `random.Random`, so that a seed makes the same templates again, and Hypothesis can supply the
random numbers and shrink what it finds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from segue.expr.dialects import PRECEDENCE, Dialect
from segue.expr.filters import FILTERS
from segue.expr.functions import FUNCTIONS
from segue.expr.tests import TESTS

__all__ = ["mutation", "template"]

NAMES = ("a", "s", "n", "i", "f", "t", "d", "l", "m", "deep", "wide", "long", "dec", "day", "at", "span", "raw", "state",
         "many", "odd", "flow", "execution", "taskrun", "parents", "outputs", "inputs", "tasks", "envs", "x", "loop",
         "_context", "nope")  # fmt: skip
KEYS = ("b", "c", "size", "length", "empty", "key", "value", "id", "namespace", "first", "uri")

HOSTILE = ("__class__", "__init__", "__globals__", "__dict__", "__mro__", "__subclasses__", "__builtins__", "__import__",
           "getClass", "class", "mro", "func_globals", "gi_frame", "tb_frame", "format_map", "wait", "notify", "constructor",
           "__proto__", "append", "pop", "update", "clear", "self", "context", "services", "limits")  # fmt: skip
METHODS = ("length", "isEmpty", "toUpperCase", "startsWith", "indexOf", "replace", "replaceAll", "split", "concat", "matches",
           "size", "containsAll", "get", "getOrDefault", "containsKey", "containsValue", "keySet", "values", "entrySet",
           "getKey", "toString", "hashCode", "equalsIgnoreCase", "strip")  # fmt: skip
NUMBERS = ("0", "1", "2", "3", "7", "-1", "1L", "1.5", "0.0", "100", "2147483648", "9223372036854775807", "1000000000000",
           "9" * 40, "9" * 400, "0.00000001", "123456789.125", "1" + "0" * 320 + ".0")  # fmt: skip
TEXTS = ("", " ", "x", "a.b", "1", "-7", "1e9", "0x1F", "Ada", "état", "ß😀", "\u202e", "null", "true", "a\nb\r\nc", "__class__",
         "yyyy-MM-dd", "iso", "rfc_1123_date_time", "full", "QQQ w W EEEE zzzz VV", "'", "[[", "yyyyMMddHHmmssSSS", "HH",
         "2024-03-05T14:07:09Z", "2024-02-30", "05/03/2024", "dd/MM/yyyy", "Europe/Paris", "+25:00", "../etc/passwd", "de_DE",
         "DAYS", "MILLENNIA", "HALF_DAYS", "(a+)+$", "(a|aa)*b", "[a-z&&[^b]]", "\\\\p{L}+", "(?<n>a)\\\\k<n>", "a{1,500}",
         "(", "$1$2", "${n}", "%s %d %5.2f", "%1$s%2$s", "%99999d", "%-9d%x%c", "#,##0.00", "0000", "%n%%", "INT", "BIGDECIMAL",
         '[1,2,{"a":null}]', '{"k":"\\\\ud800"}', "{a:1,b:[2.5,'x']}", "1d999999", "a: &x [1]\nb: [*x, *x]", "- - - - 1",
         ".[]", ".a.b", "map(. + 1)", ".. | numbers", "[", "$ENV", "env", "{{ s }}", "{{ render(s) }}", "{% for q in l %}{{ q }}{% endfor %}",
         "{% raw %}{{ x }}{% endraw %}", "{{ nope }}", "API", "CFG", "user", "name", "data/hello.txt", "file:///etc/passwd",
         "nsfile://ns/p", "kestra:///company/team/x", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", "shell", "single", "FR", "MONDAY")  # fmt: skip
PATHS = ("a.b", "a['1']", "a.key", "a.b[2].c", "m.c.d", "m.b", "l[0]", "flow.id", "outputs.b.x.value", "inputs.key", "tasks.a.state",
         "taskrun.value", "long", "s", "wide", "many", "d", "i", "f", "dec", "raw", "at", "day", "deep[0][0]", "odd", "l", "m",
         "secret('API')", "render(s)", "range(0, 5)", "fromJson('[1,2,3]')", "now()")  # fmt: skip
# What a filter is meant for: inputs and arguments with which it gets beyond its checks.
FITTING = {
    "abbreviate": (("s", "long", "inputs.key"), ("7", "2", "0")),
    "chunk": (("l", "wide", "many"), ("2", "1000")),
    "date": (
        ("d", "'2024-03-05'", "at", "day", "1709647629"),
        ("'yyyy-MM-dd'", "'full'", "timeZone='Europe/Paris'", "'iso', locale='fr'", ""),
    ),
    "dateAdd": (("d", "at"), ("1, 'DAYS'", "-500, 'MONTHS'", "9999999, 'YEARS'", "1, 'NANOS'")),
    "escapeChar": (("s", "a", "l"), ("'shell'", "'single'")),
    "format": (("'%s-%5.2f %x'", "'%1$s %1$s'", "'%,d'"), ("s, 2.5, i", "1, 2, 3", "wide")),
    "indent": (("s", "long", "'a\nb'"), ("2", "100000", "3, 'xyz'")),
    "nindent": (("s", "'a\nb'"), ("2", "3, long")),
    "join": (("l", "wide", "many", "m | keys"), ("','", "long")),
    "jq": (("m", "l", "'{\"a\":1}'"), ("'.[]'", "'.a'", "'map(. + 1)'", "'..'", "'[.,.]|[.,.]'")),
    "merge": (("l", "m", "wide"), ("wide", "m", "[1]")),
    "number": (("'12'", "'1e3'", "'0x1F'", "'1.5'", "'9999999999999'"), ("", "'INT'", "'BIGDECIMAL'")),
    "numberFormat": (("f", "i", "dec", "12345.678"), ("'#,##0.00'", "", "'00.0%'")),
    "regexExtract": (("s", "long"), ("'[0-9]+'", "'(\\w+) (\\d)', 2")),
    "regexMatch": (("s", "long"), ("'(a+)+$'", "'x|y'")),
    "regexReplace": (("s", "long"), ("'\\w', '$0$0'", "'(a)', '$1x'")),
    "replace": (("s", "a", "l"), ("{'e': long}", "{'t+': '-'}, regexp=true", "{'': 'xy'}")),
    "slice": (("s", "l", "wide"), ("1, 2", "1")),
    "split": (("s", "long"), ("' '", "'', 3")),
    "startsWith": (("s", "i"), ("'te'",)),
    "substringAfter": (("s", "inputs.key"), ("','", "'-'")),
    "timestamp": (("d", "at", "day"), ("", "timeZone='+02:00'")),
}
OPERATORS = tuple(op for op in PRECEDENCE[Dialect.V2] if op not in ("|", "is", "is not"))
TAGS = ("if", "for", "set", "macro", "block", "filter", "verbatim", "raw", "include", "import", "extends", "nosuch")
PIECES = ("{{", "}}", "{%", "%}", "{#", "#}", "#{", "-", " ", "\n", "\t", "'", '"', "\\", "(", ")", "[", "]", "{", "}", ",", ":", "?", "=",
          ".", "|", "~", "%", "\0", "\ufeff", "é", "😀", *OPERATORS, *TAGS, *HOSTILE, *NAMES, "endif", "endfor", "endraw", "in",
          "else", "true", "null", "1", "1.", "9" * 30)  # fmt: skip
_FITTING = sorted(FITTING)
_FILTERS, _FUNCTIONS, _TESTS = sorted(FILTERS), sorted(FUNCTIONS), sorted(TESTS)
_ARGUMENTS = sorted({name for spec in (*FILTERS.values(), *FUNCTIONS.values()) for name in spec.params or ()})


class _Maker:
    """Writes one template; `room` is how much deeper expressions may nest."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.chance = random.random
        self.macros = 0

    def pick(self, choices: Sequence[str]) -> str:
        return choices[int(self.chance() * len(choices))]

    def one_of(self, room: int, *ways: Callable[[int], str]) -> str:
        return ways[int(self.chance() * len(ways))](room)

    def text(self, _: int = 0) -> str:
        text = self.pick(TEXTS) if self.chance() < 0.9 else self.pick(HOSTILE)
        if self.chance() < 0.1:
            return '"' + text.replace('"', '\\"') + "#{" + self.expr(1) + '}"'
        quote = "'" if self.chance() < 0.7 else '"'
        return quote + text.replace(quote, "\\" + quote) + quote

    def number(self, _: int = 0) -> str:
        return self.pick(NUMBERS)

    def name(self, _: int = 0) -> str:
        return self.pick(NAMES) if self.chance() < 0.97 else self.pick(HOSTILE)

    def constant(self, _: int = 0) -> str:
        return self.pick(("true", "false", "null", "none", "[]", "{}"))

    def key(self) -> str:
        return self.pick(KEYS) if self.chance() < 0.8 else self.pick(HOSTILE)

    def lookup(self, room: int) -> str:
        text = self.name() if self.chance() < 0.8 else f"({self.expr(room - 1)})"
        for _ in range(1 + int(self.chance() * 3)):
            kind = self.chance()
            if kind < 0.45:
                text += "." + self.key()
            elif kind < 0.8:
                text += f"[{self.expr(room - 1)}]"
            else:
                method = self.pick(METHODS) if self.chance() < 0.9 else self.pick(HOSTILE)
                text += f".{method}({self.positional(room)})"
        return text

    def positional(self, room: int) -> str:
        return ", ".join(self.expr(room - 1) for _ in range(int(self.chance() * 3)))

    def arguments(self, room: int, names: Sequence[str] | None) -> str:
        count = int(self.chance() * (len(names) + 1.2 if names else 3))
        given = [self.expr(room - 1) for _ in range(count)]
        if names and self.chance() < 0.35:
            cut = int(self.chance() * (count + 1))
            left = [*names[cut:], self.pick(_ARGUMENTS)]
            given[cut:] = [f"{left[number % len(left)]}={value}" for number, value in enumerate(given[cut:])]
        return ", ".join(given)

    def path(self, _: int = 0) -> str:
        return self.pick(PATHS)

    def fitting(self, _: int) -> str:
        name = self.pick(_FITTING)
        values, arguments = FITTING[name]
        given = self.pick(arguments)
        return f"{self.pick(values)} | {name}" + (f"({given})" if given else "")

    def chained(self, room: int) -> str:
        return f"{self.fitting(room)} | {self.pick(_FILTERS)}"

    def guarded(self, room: int) -> str:
        return f"(({self.expr(room - 1)}) ?? {self.path()})"

    def filtered(self, room: int) -> str:
        name = self.pick(_FILTERS) if self.chance() < 0.97 else self.pick(HOSTILE)
        spec = FILTERS.get(name)
        arguments = self.arguments(room, spec.params if spec else None)
        return f"{self.expr(room - 1)} | {name}" + (f"({arguments})" if arguments or self.chance() < 0.1 else "")

    def called(self, room: int) -> str:
        name = self.pick(_FUNCTIONS) if self.chance() < 0.95 else self.pick((*HOSTILE, "mac0", "mac1"))
        spec = FUNCTIONS.get(name)
        return f"{name}({self.arguments(room, spec.params if spec else None)})"

    def binary(self, room: int) -> str:
        return f"{self.expr(room - 1)} {self.pick(OPERATORS)} {self.expr(room - 1)}"

    def unary(self, room: int) -> str:
        return self.pick(("not ", "-", "+")) + self.expr(room - 1)

    def tested(self, room: int) -> str:
        return f"{self.expr(room - 1)} {self.pick(('is', 'is not'))} {self.pick(_TESTS)}"

    def conditional(self, room: int) -> str:
        return f"({self.expr(room - 1)}) ? {self.expr(room - 1)} : {self.expr(room - 1)}"

    def listed(self, room: int) -> str:
        return "[" + ", ".join(self.expr(room - 1) for _ in range(int(self.chance() * 4))) + "]"

    def mapped(self, room: int) -> str:
        entries = (f"{self.expr(room - 1)}: {self.expr(room - 1)}" for _ in range(int(self.chance() * 3)))
        return "{" + ", ".join(entries) + "}"

    def grouped(self, room: int) -> str:
        return f"({self.expr(room - 1)})"

    def expr(self, room: int) -> str:
        if room <= 0 or self.chance() < 0.25:
            return self.one_of(
                0, self.path, self.path, self.path, self.name, self.text, self.text, self.number, self.constant
            )
        return self.one_of(
            room,
            self.lookup, self.lookup, self.filtered, self.filtered, self.filtered, self.called, self.called, self.binary,
            self.binary, self.unary, self.tested, self.conditional, self.listed, self.mapped, self.grouped,
        )  # fmt: skip

    def condition(self) -> str:
        return (
            self.expr(2)
            if self.chance() < 0.3
            else f"({self.expr(2)}) is {self.pick(('defined', 'null', 'empty', 'map'))}"
        )

    def iterable(self) -> str:
        return (
            self.expr(2) if self.chance() < 0.3 else self.pick(("l", "m", "1..3", "many", "[s, a]", "s | split(' ')"))
        )

    def body(self, room: int) -> str:
        return "".join(self.statement(room - 1) for _ in range(1 + int(self.chance() * 3)))

    def statement(self, room: int) -> str:
        kind = self.chance()
        if room <= 0 or kind < 0.55:
            trim = self.pick(("", "", "", "- "))
            return f"{{{{{trim} {self.expr(2)} }}}}"
        if kind < 0.6:
            return self.pick(("text", " }} ", "{# note #}", "\r\n", "{% raw %}{{ x }}{% endraw %}"))
        if kind < 0.7:
            return f"{{% if {self.condition()} %}}{self.body(room)}{{% else %}}{self.body(room)}{{% endif %}}"
        if kind < 0.82:
            return (
                f"{{% for {self.pick(('x', 'q', 'loop', 's'))} in {self.iterable()} %}}{self.body(room)}{{% endfor %}}"
            )
        if kind < 0.9:
            return f"{{% set {self.name()} = {self.expr(3)} %}}"
        if kind < 0.94:
            self.macros += 1
            return f"{{% macro mac{self.macros}(x, s='z') %}}{self.body(room)}{{% endmacro %}}{{{{ mac{self.macros}({self.expr(2)}) }}}}"
        if kind < 0.97:
            return f"{{% block b %}}{self.body(room)}{{% endblock %}}{{{{ block('b') }}}}"
        return f"{{% filter {self.pick(_FILTERS)} %}}{self.body(room)}{{% endfilter %}}"


def template(random: Random) -> str:
    """A template that (nearly always) follows the grammar."""
    return _Maker(random).body(3)


def mutation(random: Random, known: Sequence[str]) -> str:
    """One of the known templates with some characters, words or halves exchanged."""
    chance = random.random
    text = known[int(chance() * len(known))]
    for _ in range(1 + int(chance() * 4)):
        at = int(chance() * (len(text) + 1))
        kind = chance()
        if kind < 0.3:
            text = text[:at] + PIECES[int(chance() * len(PIECES))] + text[at:]
        elif kind < 0.5:
            text = text[:at] + text[at + 1 + int(chance() * 4) :]
        elif kind < 0.65:
            text = text[:at] + chr(int(chance() * 0x250)) + text[at + 1 :]
        elif kind < 0.8:
            other = known[int(chance() * len(known))]
            text = text[:at] + other[int(chance() * (len(other) + 1)) :]
        elif kind < 0.9:
            text = text[:at] + text[at : at + 8] * (2 + int(chance() * 3)) + text[at + 8 :]
        else:
            text = text[:at] + f" {_Maker(random).expr(2)} " + text[at:]
    return text
