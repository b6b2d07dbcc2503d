"""Documentation of operators, in the form of `docstrings`; the strongest first within a family."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["OPERATORS"]

_ARITHMETIC = {
    "a + b": """Sum of two numbers, two texts in one, or a longer list.

    A text on either side makes it a text (null is written `null`, use `~` to leave it out). A list on the left side
    takes the elements of a list on the right side, or the right side as its last element.

    Returns:
        number, text or list: By the operands.

    Raises:
        EvaluationError: an operand is a boolean, null or a map.
        LimitError: the result is too large.

    Available: 1.x, 2.0

    Examples:
        {{ 1 + 2.5 }} {{ 'a' + 1 }} {{ [1] + [2, 3] }} -> 3.5 a1 [1,2,3]
        {{ true + 1 }} -> error: Could not perform addition
    """,
    "a - b": """Difference of two numbers, or a list without some elements.

    Texts that are written like numbers count as numbers.

    Returns:
        number or list: By the operands.

    Raises:
        EvaluationError: an operand is neither number nor list.

    Available: 1.x, 2.0

    Examples:
        {{ inputs.count - 1 }} {{ '5' - 2 }} {{ [1, 2, 3] - 2 }} {{ [1, 2, 3] - [1, 2] }} -> 2 3 [1,3] [3]
    """,
    "a * b": """Product of two numbers.

    Returns:
        number: A decimal number if one of the operands is one.

    Raises:
        EvaluationError: an operand is no number.
        LimitError: the integer becomes too large.

    Available: 1.x, 2.0

    Examples:
        {{ 2 * 3 }} {{ 2 * 1.5 }} -> 6 3.0
    """,
    "a / b": """Quotient of two numbers; for two integers without its decimals.

    Returns:
        number: Division by the decimal number 0.0 gives `Infinity`, `-Infinity` or `NaN`.

    Raises:
        EvaluationError: an operand is no number, or the divisor is the integer 0.

    Available: 1.x, 2.0

    Examples:
        {{ 7 / 2 }} {{ -7 / 2 }} {{ 7.0 / 2 }} -> 3 -3 3.5
        {{ 1 / 0 }} -> error: Could not perform division
    """,
    "a % b": """Remainder of a division; it has the sign of the dividend.

    Returns:
        number: An integer for two integers.

    Raises:
        EvaluationError: an operand is no number, or the divisor is the integer 0.

    Available: 1.x, 2.0

    Examples:
        {{ 7 % 3 }} {{ -7 % 3 }} -> 1 -1
    """,
    "-a": """The number with the other sign; `+a` leaves it as it is.

    Takes the next value only: `-7 | abs` is `(-7) | abs`.

    Returns:
        number: Of the same kind.

    Raises:
        EvaluationError: the operand is no number.

    Available: 1.x, 2.0

    Examples:
        {{ -inputs.count }} {{ +5 }} {{ -7 | abs }} -> -3 5 7
    """,
}
_TEXTS = {
    "a ~ b": """Both as text, one after the other; null is left out.

    Returns:
        text: Lists are written `[a, b]`, maps `{k=v}`.

    Raises:
        LimitError: the text becomes longer than `max_output_length`.

    Available: 1.x, 2.0

    Examples:
        {{ inputs.name ~ '-' ~ inputs.count ~ null }} -> ada-3
        {{ 'a' ~ 'b' | upper }} {{ 'a' + 'b' | upper }} -> AB aB
    """,
    "a .. b": """Integers or characters from one to the other, both inclusive, as `range(a, b)`.

    Returns:
        list: Empty when the second is smaller.

    Raises:
        EvaluationError: an operand is neither number nor character.
        LimitError: more than `max_range` elements.

    Available: 1.x, 2.0

    Examples:
        {{ 1..4 }} {{ 'a'..'c' }} {{ 4..1 }} -> [1,2,3,4] ["a","b","c"] []
    """,
}
_COMPARISON = {
    "a == b": """Whether two values are equal; `equals` is another spelling of it, `a != b` the opposite.

    Numbers are compared by value, lists and maps element by element. Values of different types are never equal.

    Returns:
        boolean: True or false.

    Raises:
        EvaluationError: an operand fails, also when its variable is missing.

    Available: 1.x, 2.0

    Examples:
        {{ 1 == 1.0 }} {{ 1 == '1' }} {{ null == null }} {{ [1, 2] equals [1, 2] }} {{ 'a' != 'b' }}
            -> true false true true true
        {{ inputs.missing == 1 }} -> error: Could not perform equals comparison
    """,
    "a < b": """Order of two numbers or two texts; also `a > b`, `a <= b`, `a >= b`.

    Texts are compared by UTF-16 unit, so `'10' < '9'`; ISO dates of one form compare correctly. In 1.x the original
    compared numbers only.

    Returns:
        boolean: False when either side is null.

    Raises:
        EvaluationError: the operands are of different types.

    Available: 1.x, 2.0

    Examples:
        {{ 1 < 2 }} {{ 'a' < 'b' }} {{ '10' > '9' }} {{ null >= 1 }} -> true true false false
        {{ '2024-01-02' > '2024-01-01' }} -> true
        {{ 'a' > 1 }} -> error: Could not perform greater than comparison
    """,
    "a contains b": """Whether a list has an element (or all of a list), a map a key, or a text a piece.

    Returns:
        boolean: False when the left side is null.

    Raises:
        EvaluationError: the left side is a number or boolean.

    Available: 1.x, 2.0

    Examples:
        {{ inputs.tags contains 'a' }} {{ [1, 2, 3] contains [3, 1] }} {{ 'abc' contains 'bc' }} -> true true true
        {{ inputs.user contains 'name' }} {{ inputs.user contains 'ada' }} -> true false
        {{ not (inputs.tags contains 'z') }} -> true
    """,
    "a isIn b": """Whether a value is among the elements of a list, or the keys or values of a map; compared as text.

    Returns:
        boolean: False when either side is null, and for every other right side.

    Available: 1.x, 2.0

    Examples:
        {{ 'a' isIn inputs.tags }} {{ 3 isIn ['3'] }} {{ 'ada' isIn inputs.user }} -> true true true
        [1.x] {{ 1 + 2 isIn [3] }} -> error: Could not perform addition
        [2.0] {{ 1 + 2 isIn [3] }} -> true
    """,
    "a is test": """Whether a test holds for a value, see [Tests](#tests); `a is not test` is the opposite.

    Returns:
        boolean: True or false.

    Raises:
        UnknownNameError: there is no test of this name.
        EvaluationError: the test cannot work with the value.

    Available: 1.x, 2.0

    Examples:
        {{ inputs.tags is iterable }} {{ inputs.count is not even }} -> true true
        {{ 1 is prime }} -> error: Test [prime] does not exist.
    """,
}
_LOGIC = {
    "not a": """The opposite of a truth value.

    Takes the next value only: write `not (a contains b)`. See [Truth](#truth) for what counts as true.

    Returns:
        boolean: True or false.

    Raises:
        EvaluationError: the operand is null, a list or a map.

    Available: 1.x, 2.0

    Examples:
        {{ not true }} {{ not '' }} {{ not 2 }} -> false true false
        {{ not null }} -> error: null value given to not()
    """,
    "a and b": """Whether both are true; the right side is looked at only when the left one is true.

    Returns:
        boolean: True or false.

    Raises:
        EvaluationError: an operand is null, a list or a map.

    Available: 1.x, 2.0

    Examples:
        {{ 1 == 1 and 'x' }} {{ false and inputs.missing }} -> true false
        {{ true and null }} -> error: null value used in and operator
    """,
    "a or b": """Whether one of them is true; the right side is looked at only when the left one is false.

    Returns:
        boolean: True or false.

    Raises:
        EvaluationError: an operand is null, a list or a map.

    Available: 1.x, 2.0

    Examples:
        {{ true or false and false }} {{ true or inputs.missing }} -> true true
    """,
    "a ? b : c": """The second value if the first is true, else the third; null counts as false.

    Weaker than all other operators. Only the chosen side is looked at.

    Returns:
        any: One of the two.

    Raises:
        EvaluationError: the condition is a list or map.

    Available: 1.x, 2.0

    Examples:
        {{ inputs.count > 2 ? 'many' : 'few' }} {{ null ? 1 : 2 }} -> many 2
    """,
}
_MISSING = {
    "a ?? b": """The left side, or the right side when the left one is missing or null.

    Nothing else is caught: an empty text, `0` and `false` are values, and a bad JSON text stays an error. 1.x and 2.0
    bind it differently, see [Differences](#differences-between-1x-and-20).

    Returns:
        any: One of the two.

    Available: 1.x, 2.0

    Examples:
        {{ inputs.missing ?? 'd' }} {{ inputs.nothing ?? 'd' }} {{ inputs.missing.deeper[0] ?? 'd' }} -> d d d
        [{{ inputs.empty ?? 'd' }}] {{ 0 ?? 'd' }} -> [] 0
        {{ fromJson('x{') ?? 'd' }} -> error: Invalid json:
        [1.x] {{ inputs.count ?? 10 + 2 }} -> 5
        [2.0] {{ inputs.count ?? 10 + 2 }} -> 3
    """,
    "a ??? b": """The left side, even when it is null; the right side only when the left one is missing.

    Returns:
        any: One of the two.

    Available: 1.x, 2.0

    Examples:
        [{{ inputs.nothing ??? 'd' }}] {{ inputs.missing ??? 'd' }} -> [] d
    """,
}
_ACCESS = {
    "a.b": """The entry of a map, or the element of a list; `a['b']` and `a[expression]` are the same.

    Names with dashes, and words that are operators, need the form with brackets. On texts, lists and maps a few
    members can be called: `length()`, `isEmpty()`, `startsWith(s)`, `indexOf(s)`, `toUpperCase()`, `replace(a, b)`
    and others on texts; `size()`, `isEmpty()`, `indexOf(x)` on lists; `size()`, `get(k)`, `getOrDefault(k, d)`,
    `containsKey(k)`, `keySet()`, `values()`, `entrySet()` on maps.

    Returns:
        any: The value.

    Raises:
        MissingVariableError: there is no such entry, element or member; `??` and `default` catch it.

    Available: 1.x, 2.0

    Examples:
        {{ inputs.user.name }} {{ outputs['my-task'].value }} {{ inputs.tags[0] }} -> ada 42 b
        {{ outputs.each[taskrun.value].value }} -> 1
        {{ inputs.tags.size() }} {{ inputs.name.toUpperCase() }} -> 3 ADA
        {{ inputs.usr }} -> error: Unable to find `usr`
    """,
    "a | filter": """The value changed by a filter, see [Filters](#filters).

    Binds tighter than arithmetic and weaker than `~`. Nothing can follow it but another operator: write
    `(list | first).name`.

    Returns:
        any: What the filter gives.

    Raises:
        UnknownNameError: there is no filter of this name.

    Available: 1.x, 2.0

    Examples:
        {{ inputs.tags | sort | join(',') | upper }} -> A,B,C
        {{ (outputs.query.rows | last).id }} -> 2
        {{ 'a' | dateFormat }} -> error: Filter [dateFormat] does not exist.
    """,
    "f(a)": """The result of a function, see [Functions](#functions), or of a macro of this template.

    Arguments are given by position, or by name after those: `range(0, 6, increment=2)`.

    Returns:
        any: What the function gives.

    Raises:
        UnknownNameError: there is no function of this name.
        EvaluationError: an argument is not known, or there are too many.

    Available: 1.x, 2.0

    Examples:
        {{ range(0, 6, increment=2) }} -> [0,2,4,6]
        {{ now(bad=1) }} -> error: The following named argument does not exist: bad
    """,
}

OPERATORS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "Access": _ACCESS,
        "Text and ranges": _TEXTS,
        "Arithmetic": _ARITHMETIC,
        "Comparison": _COMPARISON,
        "Missing and null": _MISSING,
        "Logic": _LOGIC,
    }
)
"""Documentation by way of writing, by family."""
