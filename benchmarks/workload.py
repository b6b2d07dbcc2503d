"""What the load benchmarks have in common: a flow started by webhook, and small questions to the API."""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

NAMESPACE = "benchmarks"
WEBHOOK_KEY = "benchmark-key"
TRIGGER = f"""
triggers:
  - id: webhook
    type: io.kestra.plugin.core.trigger.Webhook
    key: {WEBHOOK_KEY}
"""


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A flow, the body of its webhook, and rates per minute that suit it."""

    name: str
    subject: str
    flow_id: str
    source: str
    body: bytes
    task_runs: int
    """How many task runs one execution makes."""
    default_rate: float
    warm_up_rate: float = 300.0

    @property
    def path(self) -> str:
        """The path of the webhook."""
        return f"/api/v1/main/executions/webhook/{NAMESPACE}/{self.flow_id}/{WEBHOOK_KEY}"


class ApiError(Exception):
    """The server refused a request of the benchmark itself."""


def call(base: str, method: str, path: str, body: bytes | None = None, content_type: str = "application/json") -> Any:
    """One request to the API and its JSON answer. Raises ``ApiError`` with the server's words."""
    headers = {"Content-Type": content_type, "Accept": "application/json"}
    request = urllib.request.Request(base + path, data=body, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
    except urllib.error.HTTPError as error:
        raise ApiError(f"{method} {path}: {error.code} {error.read()[:600].decode(errors='replace')}") from error
    return json.loads(text) if text else None


def deploy(base: str, workload: Workload) -> None:
    """Store the flow, unless the server has it from an earlier run."""
    source = workload.source.encode()
    try:
        call(base, "POST", "/api/v1/main/flows", source, "application/x-yaml")
    except ApiError:
        call(base, "PUT", f"/api/v1/main/flows/{NAMESPACE}/{workload.flow_id}", source, "application/x-yaml")
