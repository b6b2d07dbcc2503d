"""The dialect that validation names is the one that engine and worker render with."""

import pytest
from whole import open_whole

from segue.domain.execution.state import State
from segue.expr import Dialect

CORE = "io.kestra.plugin.core."
OF_V1 = "inputs:\n  - id: flag\n    type: BOOLEAN\n    required: false\n"
OF_V2 = "policyRefs: [p]\n"
VARIABLES = "variables:\n  x: 1\n"
TASKS = f"""
  - id: worker
    type: {CORE}debug.Return
    format: "{{{{ vars.x ?? 10 + 2 }}}}"
  - id: map
    type: {CORE}output.OutputValues
    values:
      of: ["{{{{ vars.x ?? 10 + 2 }}}}"]
  - id: engine
    type: {CORE}flow.If
    condition: "{{{{ (vars.x ?? 10 + 2) == 3 }}}}"
    then:
      - id: one
        type: {CORE}log.Log
        message: 1.x
    else:
      - id: two
        type: {CORE}log.Log
        message: "2.0"
"""


@pytest.mark.parametrize(
    ("head", "server", "used"),
    [
        (OF_V1, Dialect.V2, Dialect.V1),
        (OF_V2, Dialect.V1, Dialect.V2),
        ("", Dialect.V1, Dialect.V1),
        ("", Dialect.V2, Dialect.V2),
        (OF_V1 + OF_V2, Dialect.V1, Dialect.V1),
    ],
)
async def test_the_flow_or_else_the_server_chooses(tmp_path, head, server, used):
    async with open_whole(tmp_path, server) as whole:
        row, runs = await whole.run(TASKS, VARIABLES + head)
        assert row.state is State.SUCCESS
        is_v1 = used is Dialect.V1
        assert ("one" in runs, "two" in runs) == (is_v1, not is_v1)
        assert await whole.stage.outputs(runs["worker"].id) == {"value": "3" if is_v1 else "1"}
        assert (await whole.stage.outputs(runs["map"].id))["values"] == {"of": ["3" if is_v1 else "1"]}
        assert row.variables is None
