"""How executions come into being."""

from datetime import UTC, datetime, timedelta

import pytest

from segue.domain.execution.creation import StartRequest, create_execution, execution_labels
from segue.domain.execution.model import ExecutionKind, ExecutionTrigger, FlowKey
from segue.domain.execution.state import State
from segue.domain.flow import CompiledFlow, TypeInfo, parse_flow
from segue.domain.labels import CORRELATION_ID, Label

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Anything:
    """Knows every type as a task."""

    def resolve(self, type_name: str) -> TypeInfo | None:
        """See ``TypeCatalogue``."""
        return TypeInfo("other", type_name)


@pytest.fixture
def flow() -> CompiledFlow:
    text = """
id: hello
namespace: company
labels: {team: data, system.readOnly: "true", kind: x}
tasks: [{id: t, type: a.B}]
"""
    return CompiledFlow(parse_flow(text, Anything()).valid_flow(), 7)


def test_it_is_created_and_pins_the_revision(flow: CompiledFlow) -> None:
    trigger = ExecutionTrigger("t", "T", {"a": 1})
    request = StartRequest(inputs={"a": 1}, trigger=trigger, kind=ExecutionKind.TEST, parent_id="p", original_id="o")
    execution = create_execution(flow, request, "e", NOW)
    assert (execution.id, execution.flow) == ("e", FlowKey("main", "company", "hello", 7))
    assert (execution.state, execution.created_at, execution.version) == (State.CREATED, NOW, 0)
    assert (execution.inputs, execution.trigger, execution.kind) == ({"a": 1}, trigger, ExecutionKind.TEST)
    assert (execution.parent_id, execution.origin_id) == ("p", "o")
    assert not execution.is_finished


@pytest.mark.parametrize(
    ("given", "labels"),
    [
        ((), {"team": "data", "kind": "x", CORRELATION_ID: "e"}),
        ((Label("team", "web"),), {"team": "web", "kind": "x", CORRELATION_ID: "e"}),
        ((Label(CORRELATION_ID, "c"),), {"team": "data", "kind": "x", CORRELATION_ID: "c"}),
        ((Label("a", "1"), Label("a", "2")), {"team": "data", "kind": "x", "a": "2", CORRELATION_ID: "e"}),
    ],
)
def test_labels(flow: CompiledFlow, given: tuple[Label, ...], labels: dict[str, str]) -> None:
    made = execution_labels(flow.flow.labels, given, "e")
    assert {label.key: label.value for label in made} == labels
    assert len(made) == len(labels)


@pytest.mark.parametrize(("offset", "kept"), [(timedelta(seconds=1), True), (timedelta(0), False)])
def test_only_a_date_to_come_delays_it(flow: CompiledFlow, offset: timedelta, kept: bool) -> None:
    execution = create_execution(flow, StartRequest(scheduled_at=NOW + offset), "e", NOW)
    assert (execution.scheduled_at is not None) == kept


def test_a_failed_check_ends_it_at_once(flow: CompiledFlow) -> None:
    execution = create_execution(flow, StartRequest(is_failed=True), "e", NOW)
    assert [moment.state for moment in execution.status.histories] == [State.CREATED, State.FAILED]
    assert not execution.is_finished, "afterExecution is still to come, and who called it to be told"
