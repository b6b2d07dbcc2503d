"""Documentation of tags, in the form of `docstrings`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["TAGS"]

TAGS: Mapping[str, str] = MappingProxyType(
    {
        "if": """Writes one of several texts, by conditions.

    `{% if e %}..{% elseif e %}..{% else %}..{% endif %}`; see [Truth](#truth) for what counts as true.

    Raises:
        EvaluationError: a condition is null, a list or a map, or fails. `??` outside does not catch it.

    Available: 1.x, 2.0

    Examples:
        {% if inputs.count > 2 %}many{% elseif inputs.count == 0 %}none{% else %}few{% endif %} -> many
        {% if inputs.missing is defined %}yes{% else %}no{% endif %} -> no
        {% if inputs.tags %}x{% endif %} -> error: Wrong operand(s) type in conditional expression
    """,
        "for": """Writes a text for every element of a list, or every entry of a map.

    `{% for x in e %}..{% else %}..{% endfor %}`; the `else` part is for an empty list, null writes nothing at all.
    Entries of a map have `key` and `value`. Inside, `loop` has `index` (from 0), `length`, `first`, `last` and
    `revindex` (how many follow). Variables that are first set inside vanish after the loop.

    Raises:
        EvaluationError: the value is no list and no map.
        LimitError: more than `max_steps` steps in all.

    Available: 1.x, 2.0

    Examples:
        {% for tag in inputs.tags %}{{ loop.index }}={{ tag }}{% if not loop.last %}, {% endif %}{% endfor %}
            -> 0=b, 1=a, 2=c
        {% for e in inputs.user %}{{ e.key }}: {{ e.value }}; {% endfor %} -> "name: ada; age: 36; "
        {% for x in [] %}{{ x }}{% else %}nothing{% endfor %} -> nothing
        {% for c in 'abc' %}{{ c }}{% endfor %} -> error: Not an iterable object.
    """,
        "set": """Gives a name to a value, for the rest of the template.

    `{% set name = expression %}`. Within a loop it changes the variable outside if there is one, else it makes one that
    vanishes after the loop. A root variable of the same name is hidden for this rendering, never changed.

    Available: 1.x, 2.0

    Examples:
        {% set sum = 0 %}{% for row in outputs.query.rows %}{% set sum = sum + row.v %}{% endfor %}{{ sum }} -> 7.0
    """,
        "macro": """Defines a function of this template; its result is a text.

    `{% macro name(a, b='default') %}..{% endmacro %}`. The body sees its parameters only, not the variables of the
    flow. It may be called before its definition. Parameters that are not passed are null.

    Raises:
        ExpressionSyntaxError: two macros have one name.
        EvaluationError: an argument is not known.

    Available: 1.x, 2.0

    Examples:
        {% macro m(x, of='b') %}<{{ of }}>{{ x }}</{{ of }}>{% endmacro %}{{ m(inputs.name) }} {{ m('y', of='i') }}
            -> <b>ada</b> <i>y</i>
    """,
        "block": """Writes a part of the template and gives it a name, with which `block(name)` writes it again.

    `{% block name %}..{% endblock %}`.

    Available: 1.x, 2.0

    Examples:
        {% block line %}--{% endblock %}{{ inputs.name }}{{ block('line') }} -> --ada--
    """,
        "filter": """Applies filters to the text within.

    `{% filter f(arguments) | g %}..{% endfilter %}`.

    Available: 1.x, 2.0

    Examples:
        {% filter upper | replace({'A': '*'}) %}{{ inputs.name }} and b{% endfilter %} -> *D* *ND B
    """,
        "verbatim": """Writes the text within as it is, without reading it.

    `{% verbatim %}..{% endverbatim %}`. Blanks and line breaks at its beginning are removed. A later `render()` of the
    result does read it.

    Available: 1.x, 2.0

    Examples:
        {% verbatim %}{{ not read }}{% endverbatim %} -> {{ not read }}
    """,
        "raw": """Writes the text within as it is; a `render()` around it leaves it alone too.

    `{% raw %}..{% endraw %}`. The original takes it on one line only.

    Available: 1.x, 2.0

    Examples:
        {% raw %}{{ not read }}{% endraw %} -> {{ not read }}
    """,
    }
)
"""Documentation by name."""
