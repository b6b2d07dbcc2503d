"""Ten templates that say the same in Segue's expression language and in Jinja2, from one variable to a long loop."""

from __future__ import annotations

from typing import Any, NamedTuple


class Pair(NamedTuple):
    """One template in both languages; both must render ``CONTEXT`` to the same text."""

    name: str
    segue: str
    jinja: str


CONTEXT: dict[str, Any] = {
    "flow": {"id": "orders", "namespace": "company.team"},
    "execution": {"id": "3kX9", "startDate": "2024-03-05T14:07:09Z"},
    "inputs": {"name": "Ada Lovelace", "count": 42, "country": "uk", "note": None, "tags": ["b", "c", "a"]},
    "outputs": {
        "load": {
            "uri": "kestra:///company/team/orders/out.csv",
            "rows": [{"id": n, "ok": n % 2 == 0} for n in range(20)],
        },
        "query": {"vars": {"total": 1234, "price": 12.5}},
    },
    "items": [{"name": f"item {n}", "value": n} for n in range(10)],
    "many": [{"name": f"item {n}", "value": n} for n in range(1000)],
}

PAIRS = (
    Pair("one variable", "{{ inputs.name }}", "{{ inputs.name }}"),
    Pair(
        "a sentence",
        "{{ execution.id }} of {{ flow.namespace }}.{{ flow.id }} read {{ outputs.load.uri }} for {{ inputs.name }}.",
        "{{ execution.id }} of {{ flow.namespace }}.{{ flow.id }} read {{ outputs.load.uri }} for {{ inputs.name }}.",
    ),
    Pair(
        "filters",
        "{{ inputs.name | upper | replace({' ': '-'}) | trim }}",
        "{{ inputs.name | upper | replace(' ', '-') | trim }}",
    ),
    Pair(
        "defaults",
        "{{ inputs.note ?? 'none' }} {{ inputs.nope | default('nothing') }}",
        "{{ inputs.note if inputs.note is not none else 'none' }} {{ inputs.nope | default('nothing') }}",
    ),
    Pair(
        "condition",
        "{{ inputs.count > 10 and inputs.country == 'uk' ? 'large' : 'small' }}",
        "{{ 'large' if inputs.count > 10 and inputs.country == 'uk' else 'small' }}",
    ),
    Pair(
        "arithmetic",
        "{{ (outputs.query.vars.total * 3 + inputs.count) % 7 - outputs.query.vars.price * 2 }}",
        "{{ (outputs.query.vars.total * 3 + inputs.count) % 7 - outputs.query.vars.price * 2 }}",
    ),
    Pair(
        "branches and set",
        "{% set n = inputs.count %}{% if n > 100 %}high{% elseif n > 40 %}middle {{ n }}{% else %}low{% endif %}",
        "{% set n = inputs.count %}{% if n > 100 %}high{% elif n > 40 %}middle {{ n }}{% else %}low{% endif %}",
    ),
    Pair(
        "lists and JSON",
        "{{ inputs.tags | sort | join(',') }} {{ outputs.load.rows | length }} {{ outputs.load.rows | toJson }}",
        "{{ inputs.tags | sort | join(',') }} {{ outputs.load.rows | length }} {{ outputs.load.rows | tojson }}",
    ),
    Pair(
        "a loop of 10",
        "{% for x in items %}{{ loop.index }}: {{ x.name }}{% if not loop.last %}, {% endif %}{% endfor %}",
        "{% for x in items %}{{ loop.index0 }}: {{ x.name }}{% if not loop.last %}, {% endif %}{% endfor %}",
    ),
    Pair(
        "a loop of 1000",
        "{% for x in many %}{{ x.name | upper }}={{ x.value + 1 }}{% if x.value % 2 == 0 %}!{% endif %};{% endfor %}",
        "{% for x in many %}{{ x.name | upper }}={{ x.value + 1 }}{% if x.value % 2 == 0 %}!{% endif %};{% endfor %}",
    ),
)
