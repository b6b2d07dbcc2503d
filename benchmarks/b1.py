"""B1: webhook, a task that gives values back, a task that logs one of them. The engine's own cost."""

import sys

from benchmarks.suite import run_suite
from benchmarks.workload import NAMESPACE, TRIGGER, Workload

WORKLOAD = Workload(
    name="b1",
    subject="webhook -> OutputValues -> Log",
    flow_id="b1",
    source=f"""
id: b1
namespace: {NAMESPACE}
tasks:
  - id: greet
    type: io.kestra.plugin.core.output.OutputValues
    values:
      message: "Hello {{{{ trigger.body.name }}}}"
  - id: log
    type: io.kestra.plugin.core.log.Log
    message: "{{{{ outputs.greet.values.message }}}}"
{TRIGGER}""",
    body=b'{"name":"world"}',
    task_runs=2,
    default_rate=1000,
)


def main(arguments: list[str]) -> int:
    """Measure with these options of the command line."""
    return run_suite(WORKLOAD, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
