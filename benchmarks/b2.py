"""B2: five If, each with a Log: ten task runs, half of them without a job. The cost of steering."""

import sys

from benchmarks.suite import run_suite
from benchmarks.workload import NAMESPACE, TRIGGER, Workload

_TASKS = "".join(
    f"""
  - id: if_{number}
    type: io.kestra.plugin.core.flow.If
    condition: "{{{{ inputs.yes }}}}"
    then:
      - id: log_{number}
        type: io.kestra.plugin.core.log.Log
        message: "step {number} of {{{{ execution.id }}}}"
"""
    for number in range(1, 6)
)

WORKLOAD = Workload(
    name="b2",
    subject="webhook -> 5 x (If -> Log)",
    flow_id="b2",
    source=f"""
id: b2
namespace: {NAMESPACE}
inputs:
  - id: "yes"
    type: BOOLEAN
    defaults: true
tasks:{_TASKS}{TRIGGER}""",
    body=b'{"name":"world"}',
    task_runs=10,
    default_rate=500,
)


def main(arguments: list[str]) -> int:
    """Measure with these options of the command line."""
    return run_suite(WORKLOAD, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
