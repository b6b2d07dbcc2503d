"""A called execution that is restarted before its caller has heard of its end counts once (flow language 7.9, 11.3)."""

from segue.domain.execution.jobs import Job
from segue.domain.execution.requests import RestartRequested
from segue.domain.execution.state import State
from segue.testing.world import Outcome, World

CHILD = "{id: child, namespace: n, tasks: [{id: work, type: x.Work}], afterExecution: [{id: slow, type: x.Slow}]}"
PARENT = """
id: parent
namespace: n
tasks:
  - id: each
    type: io.kestra.plugin.core.flow.ForEachItem
    items: kestra:///items.ion
    batch: {rows: 1}
    namespace: n
    flowId: child
"""


def test_it_counts_once():
    answers: dict[str, Outcome] = {"work": State.FAILED, "slow": None}

    def answer(job: Job, world: World) -> Outcome:
        if job.task_id == "each_split":
            return State.SUCCESS, {"splits": "kestra:///splits.ion", "numberOfBatches": 1}
        return answers.get(job.task_id, State.SUCCESS)

    world = World(answer=answer)
    world.deploy(CHILD)
    world.run(PARENT)
    (child,) = world.children()
    assert (child.state, child.is_finished) == (State.FAILED, False)

    answers.update(work=State.SUCCESS, slow=State.SUCCESS)
    world.tell(child.id, RestartRequested())
    world.settle()

    assert world.histories(child.id) == "CREATED RUNNING FAILED RESTARTED RUNNING SUCCESS"
    assert world.executions["x"].state is State.SUCCESS
    counts = world.outputs_of(world.run_of("each_items").id)["iterations"]
    assert {state: count for state, count in counts.items() if count} == {"SUCCESS": 1}
