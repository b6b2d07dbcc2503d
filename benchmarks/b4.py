"""B4: a webhook body of 160 KB, a task that picks four fields of it, a task that gives one on."""

import json
import sys

from benchmarks.suite import run_suite
from benchmarks.workload import NAMESPACE, TRIGGER, Workload

BODY_BYTES = 160 * 1024


def _body() -> bytes:
    items: list[dict[str, object]] = []
    document = {"id": 4711, "name": "world", "region": "north", "items": items}
    size = len(json.dumps(document))
    while size < BODY_BYTES:
        items.append({"number": len(items), "text": f"item {len(items)} " + "lorem ipsum " * 6, "price": 1.25})
        size += len(json.dumps(items[-1])) + 2
    return json.dumps(document).encode()


WORKLOAD = Workload(
    name="b4",
    subject="webhook with 160 KB -> OutputValues of 4 fields -> OutputValues",
    flow_id="b4",
    source=f"""
id: b4
namespace: {NAMESPACE}
tasks:
  - id: transform
    type: io.kestra.plugin.core.output.OutputValues
    values:
      id: "{{{{ trigger.body.id }}}}"
      name: "{{{{ trigger.body.name }}}}"
      region: "{{{{ trigger.body.region }}}}"
      count: "{{{{ trigger.body.items | length }}}}"
  - id: give
    type: io.kestra.plugin.core.output.OutputValues
    values:
      name: "{{{{ outputs.transform.values.name }}}}"
{TRIGGER}""",
    body=_body(),
    task_runs=2,
    default_rate=250,
    warm_up_rate=120,
)


def main(arguments: list[str]) -> int:
    """Measure with these options of the command line."""
    return run_suite(WORKLOAD, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
