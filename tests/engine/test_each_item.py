"""An execution for every batch of a file (flow language 7.9)."""

import pytest

from segue.domain.execution.jobs import Job
from segue.domain.execution.requests import RestartRequested
from segue.domain.execution.state import State
from segue.testing.world import Outcome, World

CHILD = """
id: child
namespace: n
inputs: [{id: items, type: STRING}, {id: number, type: INT}]
tasks: [{id: t, type: x.Work}]
outputs: [{id: number, type: INT, value: "{{ inputs.number }}"}]
"""


def parent(properties: str = "", after: str = "") -> str:
    return f"""
id: parent
namespace: n
tasks:
  - id: each
    type: io.kestra.plugin.core.flow.ForEachItem
    items: kestra:///a
    namespace: n
    flowId: child
    inputs: {{items: "{{{{ taskrun.items }}}}", number: "{{{{ taskrun.iteration }}}}"}}
    {properties}
{after}
"""


class Splitting(World):
    """A world whose split finds ``batches`` and whose work ends as ``ends`` says."""

    batches = 26
    ends: dict[int, State]

    def split(self, job: Job, _: World) -> Outcome:
        if job.task_id == "each_split":
            return State.SUCCESS, {"splits": "kestra:///s/splits.txt", "numberOfBatches": self.batches}
        if job.task_id == "t":
            number = self.executions[job.execution_id].inputs["number"]
            return self.ends.get(number, State.SUCCESS)
        return State.SUCCESS


def world(batches: int = 26, **ends: State) -> Splitting:
    made = Splitting()
    made.batches = batches
    made.ends = {int(name[1:]): state for name, state in ends.items()}
    made.answer = made.split
    made.deploy(CHILD)
    return made


@pytest.mark.parametrize("flag", ["", "wait: false"])
def test_every_batch_gets_an_execution(flag: str):
    w = world()
    assert w.run(parent(flag)).state is State.SUCCESS
    assert w.states() == dict.fromkeys(["each", "each_split", "each_items", "each_merge"], "SUCCESS")
    known = w.outputs_of(w.run_of("each_items").id)
    assert known["numberOfBatches"] == 26
    assert known["iterations"] == {"CREATED": 0, "RUNNING": 0, "SUCCESS": 26}
    children = w.children()
    assert [child.inputs["number"] for child in children] == list(range(26))
    assert children[3].inputs["items"] == "kestra:///s/batch-0000003.ion"
    assert children[3].trigger is not None
    assert children[3].trigger.variables["taskRunIteration"] == 3
    assert {child.correlation_id for child in children} == {"x"}


def test_outputs_of_all_are_kept_for_the_merge():
    w = world(3)
    w.run(parent())
    base = w.outputs_of("x-1")["subflowOutputsBaseUri"]
    files = {
        new.reference.uri: new.value for decision in w.decisions for new in decision.outputs if "#file" in new.owner_id
    }
    assert files == {f"{base}/{number}/outputs.ion": {"number": number} for number in range(3)}


def test_an_empty_file():
    w = world(0)
    assert w.run(parent()).state is State.SUCCESS
    assert len(w.states()) == 4
    assert w.children() == []


@pytest.mark.parametrize(
    ("properties", "state", "tasks"),
    [
        ("", "FAILED", 3),
        ("transmitFailed: false", "SUCCESS", 4),
        ("allowFailure: true", "WARNING", 3),
        ("allowFailure: true\n    allowWarning: true", "SUCCESS", 3),
    ],
)
def test_failing_children(properties: str, state: str, tasks: int):
    w = world(3, n1=State.FAILED)
    assert w.run(parent(properties)).state == state
    assert len(w.states()) == tasks
    assert w.outputs_of(w.run_of("each_items").id)["iterations"]["FAILED"] == 1


@pytest.mark.parametrize(("states", "end"), [("WK", "KILLED"), ("WF", "FAILED"), ("WW", "WARNING"), ("KF", "FAILED")])
def test_the_worst_end_counts(states: str, end: str):
    letters = {"W": State.WARNING, "K": State.KILLED, "F": State.FAILED}
    w = world(3, n0=letters[states[0]], n2=letters[states[1]])
    assert w.run(parent()).state == end


def test_many_are_started_little_by_little():
    w = world(1500)
    w.start(w.deploy(parent()))
    w.settle(limit=100_000)
    assert w.executions["x"].state is State.SUCCESS
    assert len(w.children()) == 1500
    assert max(len(decision.executions) for decision in w.decisions) <= 200
    assert w.outputs_of(w.run_of("each_items").id)["iterations"]["SUCCESS"] == 1500


def test_a_restart_runs_the_failed_ones_again():
    w = world(4, n1=State.FAILED, n3=State.FAILED)
    assert w.run(parent()).state is State.FAILED
    w.ends = {}
    w.tell("x", RestartRequested())
    w.settle()
    assert w.executions["x"].state is State.SUCCESS
    assert len(w.children()) == 4
    assert w.outputs_of(w.run_of("each_items").id)["iterations"] == {
        "CREATED": 0,
        "RUNNING": 0,
        "SUCCESS": 4,
        "FAILED": 0,
    }


def test_a_restart_can_start_all_anew():
    w = world(2, n1=State.FAILED)
    w.run(parent("restartBehavior: NEW_EXECUTION"))
    w.ends = {}
    w.tell("x", RestartRequested())
    w.settle()
    assert w.executions["x"].state is State.SUCCESS
    assert len(w.children()) == 4
