"""What expressions see of the place their task stands in: ``taskrun`` and ``parents`` (expressions 10.1)."""

import pytest

from segue.domain.execution.state import State
from segue.expr import MissingVariableError
from segue.testing.world import World

FLOW = "io.kestra.plugin.core.flow."


def seen(tasks: str, task_id: str = "t") -> str:
    world = World()
    assert world.run(f"id: f\nnamespace: n\ntasks:\n  - {tasks}\n").state is State.SUCCESS
    (found,) = [run for run in world.task_runs["x"].values() if run.task_id == task_id]
    text: str = world.outputs_of(found.id)["value"]
    return text


def nested(text: str, around: str = "Sequential", more: str = "") -> str:
    task = f"{{id: t, type: x.Return, format: '{text}'}}"
    inner = f"{{id: i, type: {FLOW}If, condition: 'true', then: [{task}]}}"
    return f"{{id: o, type: {FLOW}{around}, {more} tasks: [{{id: s, type: {FLOW}Sequential, tasks: [{inner}]}}]}}"


def test_every_task_around_is_a_parent() -> None:
    assert seen(nested("{{ parent.task.id }}, {{ parents | length }}, {{ parents[2].task.id }}")) == "i, 3, o"
    assert seen(nested("{{ parent.outputs.evaluationResult }}")) == "true"


def test_the_outermost_tasks_have_no_parents() -> None:
    assert seen("{id: t, type: x.Return, format: '{{ parents | length }} {{ parent is defined }}'}") == "0 false"


def test_flows_of_1x_count_parents_that_have_a_value_or_outputs() -> None:
    text = "{{ parents | length }}, {{ parent.task.id }}, {{ parents[1].task.id }}"
    # the ForEach has neither, the If has outputs, the Sequential has the value of the iteration
    assert seen(nested(text, "ForEach", "values: [a],")) == "2, i, s"


def test_outside_loops_the_value_is_null_in_flows_of_1x_and_missing_in_others() -> None:
    text = "{id: t, type: x.Return, format: 'value: {{ taskrun.value }}.'}"
    each = f"{{id: e, type: {FLOW}ForEach, values: [a], tasks: [{{id: u, type: x.Return, format: x}}]}}"
    assert seen(f"{each}\n  - {text}") == "value: ."
    with pytest.raises(MissingVariableError, match="Unable to find `value`"):
        seen(text)
