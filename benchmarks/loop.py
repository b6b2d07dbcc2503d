"""Loop over 100,000 values, 50 at once, a task each: iterations that are executions of their own."""

import sys

from benchmarks.iterations import Fan, run_fan
from benchmarks.measure import Rows
from benchmarks.workload import NAMESPACE


def source(values: int, concurrency: int) -> str:
    """The flow."""
    return f"""
id: loop
namespace: {NAMESPACE}
tasks:
  - id: each
    type: io.kestra.plugin.core.flow.Loop
    values: "{{{{ range(1, {values}) }}}}"
    concurrencyLimit: {concurrency}
    outputs:
      - {{id: doubled, type: INT, value: "{{{{ outputs.give.values.number * 2 }}}}"}}
    tasks:
      - id: give
        type: io.kestra.plugin.core.output.OutputValues
        values:
          number: "{{{{ item.value | number }}}}"
outputs:
  - {{id: last, type: INT, value: "{{{{ (outputs.each.outputs | last).outputs.doubled }}}}"}}
"""


def ends(rows: Rows, execution_id: str) -> list[float]:
    """The ends of the executions that the loop has started."""
    found = rows.query("SELECT ended_at FROM executions WHERE caller_id = {0} AND ended_at IS NOT NULL", execution_id)
    return [row[0] / 1e6 for row in found]


FAN = Fan(
    name="loop",
    subject="Loop over values, an OutputValues each, outputs gathered",
    values=100_000,
    concurrency=50,
    source=source,
    ends=ends,
)


def main(arguments: list[str]) -> int:
    """Measure with these options of the command line."""
    return run_fan(FAN, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
