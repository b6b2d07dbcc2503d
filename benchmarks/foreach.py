"""ForEach over 5,000 values, two tasks each, the second of which reads the first: iterations within one execution."""

import sys

import msgspec

from benchmarks.iterations import Fan, run_fan
from benchmarks.measure import Rows
from benchmarks.workload import NAMESPACE
from segue.domain.execution.task_run import TaskRun


def source(values: int, concurrency: int) -> str:
    """The flow."""
    return f"""
id: foreach
namespace: {NAMESPACE}
tasks:
  - id: each
    type: io.kestra.plugin.core.flow.ForEach
    values: "{{{{ range(1, {values}) }}}}"
    concurrencyLimit: {concurrency}
    tasks:
      - id: give
        type: io.kestra.plugin.core.output.OutputValues
        values:
          number: "{{{{ taskrun.value | number }}}}"
      - id: take
        type: io.kestra.plugin.core.output.OutputValues
        values:
          doubled: "{{{{ outputs.give[taskrun.value].values.number * 2 }}}}"
"""


def ends(rows: Rows, execution_id: str) -> list[float]:
    """The ends of the second tasks."""
    found = rows.query("SELECT body FROM task_runs WHERE execution_id = {0} AND task_id = 'take'", execution_id)
    ended = [msgspec.json.decode(row[0], type=TaskRun).status.ended_at for row in found]
    return [at.timestamp() for at in ended if at is not None]


FAN = Fan(
    name="foreach",
    subject="ForEach over values, two OutputValues each",
    values=5_000,
    concurrency=50,
    source=source,
    ends=ends,
)


def main(arguments: list[str]) -> int:
    """Measure with these options of the command line."""
    return run_fan(FAN, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
