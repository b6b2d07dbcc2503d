"""B3: ForEach over 100 values, all at once, a task each. The cost of fanning out."""

import json
import sys

from benchmarks.suite import run_suite
from benchmarks.workload import NAMESPACE, TRIGGER, Workload

WORKLOAD = Workload(
    name="b3",
    subject="webhook -> ForEach over 100 (concurrencyLimit 0) -> OutputValues",
    flow_id="b3",
    source=f"""
id: b3
namespace: {NAMESPACE}
tasks:
  - id: each
    type: io.kestra.plugin.core.flow.ForEach
    values: {json.dumps(list(range(1, 101)))}
    concurrencyLimit: 0
    tasks:
      - id: give
        type: io.kestra.plugin.core.output.OutputValues
        values:
          message: "value {{{{ taskrun.value }}}}"
{TRIGGER}""",
    body=b'{"name":"world"}',
    task_runs=101,
    default_rate=60,
    warm_up_rate=60,
)


def main(arguments: list[str]) -> int:
    """Measure with these options of the command line."""
    return run_suite(WORKLOAD, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
