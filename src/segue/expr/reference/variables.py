"""The variables that the examples of the reference page use; the page shows them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

__all__ = ["VARIABLES"]

VARIABLES: Mapping[str, Any] = MappingProxyType(
    {
        "inputs": {
            "name": "ada",
            "count": 3,
            "tags": ["b", "a", "c"],
            "user": {"name": "ada", "age": 36},
            "when": "2024-03-05T14:07:09Z",
            "lines": "one\ntwo",
            "empty": "",
            "nothing": None,
        },
        "outputs": {
            "query": {
                "rows": [{"id": 1, "v": 2.5}, {"id": 2, "v": 4.5}],
                "uri": "kestra:///company/team/f1/executions/e1/tasks/query/r1/out.json",
            },
            "my-task": {"value": 42},
            "each": {"x": {"value": 1}, "y": {"value": 2}},
            "loop": {"outputs": [{"outputs": {"size": 10}}, {"outputs": {}}]},
        },
        "vars": {
            "greeting": "Hello {{ inputs.name }}",
            "twice": "{{ vars.inner }}",
            "inner": "{{ inputs.name }}",
            "document": "a: 1\nb: [x, y]",
            "key": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
        },
        "flow": {"id": "f1", "namespace": "company.team", "revision": 1, "tenantId": "main"},
        "execution": {"id": "e1", "state": "RUNNING", "startDate": "2024-03-05T14:00:00Z"},
        "task": {"id": "current", "type": "io.kestra.plugin.core.log.Log"},
        "taskrun": {"id": "r9", "value": "x", "iteration": 0, "attemptsCount": 0},
        "parents": [{"task": {"id": "if"}, "outputs": {"evaluationResult": True}}],
        "tasks": {
            "load": {"state": "FAILED"},
            "each": {"x": {"state": "FAILED"}, "y": {"state": "SUCCESS"}},
        },
        "labels": {"team": "data", "system": {"correlationId": "e1"}},
        "envs": {"api_host": "api.example.com"},
    }
)
