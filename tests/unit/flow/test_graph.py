"""The graph of a flow: every task once, every cluster with a way through it."""

from typing import Any

import pytest

from segue.domain.flow.graph import FlowGraph, flow_graph
from segue.domain.flow.source import read_document

FLOW = "io.kestra.plugin.core.flow."


def graph_of(text: str, **options: Any) -> FlowGraph:
    return flow_graph(read_document(f"id: f\nnamespace: a.b\n{text}").data, **options)


def short(uid: str) -> str:
    """A uid without what makes the ends of blocks unique."""
    name = uid.rpartition(".")[2]
    for kind in ("root", "end", "finally"):
        if name.startswith(f"{kind}-"):
            return uid[: -len(name)] + kind
    return uid


def lines(graph: FlowGraph) -> set[str]:
    found = set()
    for edge in graph.edges:
        value = f"={edge['relation']['value']}" if "value" in edge["relation"] else ""
        kind = edge["relation"]["relationType"]
        found.add(f"{short(edge['source'])} > {short(edge['target'])} {kind}{value}")
    return found


def task(name: str) -> str:
    return f"{{id: {name}, type: a.T}}"


def test_a_sequence_with_errors_finally_and_after() -> None:
    graph = graph_of(
        f"tasks: [{task('one')}, {task('two')}]\nerrors: [{task('bad')}]\n"
        f"finally: [{task('fin')}]\nafterExecution: [{task('aft')}]\n"
    )
    assert lines(graph) == {
        "root.root > root.one SEQUENTIAL",
        "root.one > root.two SEQUENTIAL",
        "root.two > root.finally SEQUENTIAL",
        "root.root > root.bad ERROR",
        "root.bad > root.finally SEQUENTIAL",
        "root.finally > root.fin FINALLY",
        "root.fin > root.end SEQUENTIAL",
        "root.end > root.aft AFTER_EXECUTION",
    }
    branches = {node["uid"]: node.get("branchType") for node in graph.nodes if "task" in node}
    assert branches == {
        "root.one": None,
        "root.two": None,
        "root.bad": "ERROR",
        "root.fin": "FINALLY",
        "root.aft": "AFTER_EXECUTION",
    }


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        (
            f"type: {FLOW}Parallel, tasks: [{task('x')}, {task('y')}]",
            {"root.p > root.p.x PARALLEL", "root.p > root.p.y PARALLEL", "root.p.x > root.p.end SEQUENTIAL"},
        ),
        (
            f"type: {FLOW}Parallel, tasks: [{task('x')}], finally: [{task('z')}]",
            {"root.p.x > root.p.finally SEQUENTIAL", "root.p.finally > root.p.z FINALLY"},
        ),
        (
            f"type: {FLOW}If, condition: true, then: [{task('x')}], else: [{task('y')}]",
            {"root.p > root.p.x CHOICE=then", "root.p > root.p.y CHOICE=else"},
        ),
        (
            f"type: {FLOW}Switch, value: a, cases: {{true: [{task('x')}]}}, defaults: [{task('y')}]",
            {"root.p > root.p.x CHOICE=true", "root.p > root.p.y CHOICE=defaults"},
        ),
        (
            f"type: {FLOW}Loop, values: '[1]', tasks: [{task('x')}, {task('y')}]",
            {"root.p > root.p.x DYNAMIC=[1]", "root.p.x > root.p.y SEQUENTIAL"},
        ),
        (
            f"type: {FLOW}Dag, tasks: [{{task: {task('x')}}}, {{task: {task('y')}, dependsOn: [x]}}]",
            {
                "root.p > root.p.x SEQUENTIAL",
                "root.p.x > root.p.y SEQUENTIAL",
                "root.p.y > root.p.end SEQUENTIAL",
            },
        ),
        (f"type: {FLOW}Pause", {"root.p > root.p.end SEQUENTIAL"}),
        (f"type: {FLOW}Pause, onPause: {task('x')}", {"root.p > root.p.x SEQUENTIAL"}),
        (f"type: {FLOW}Sequential, tasks: 3", {"root.p > root.p.end SEQUENTIAL"}),
    ],
)
def test_flowables_are_clusters(properties: str, expected: set[str]) -> None:
    graph = graph_of(f"tasks: [{{id: p, {properties}}}]\n")
    assert expected <= lines(graph)
    assert graph.flowables == ["p"]
    (cluster,) = graph.clusters
    assert cluster["cluster"]["uid"] == "cluster_root.p"
    assert {short(cluster["start"]), short(cluster["end"])} == {"root.p.root", "root.p.end"}
    ends = {edge["source"] for edge in graph.edges}, {edge["target"] for edge in graph.edges}
    uids = {node["uid"] for node in graph.nodes}
    assert len(uids) == len(graph.nodes)
    assert ends[0] | ends[1] == uids


def test_triggers_have_a_cluster_before_the_tasks() -> None:
    graph = graph_of(f"tasks: [{task('one')}]\ntriggers: [{{id: t, type: a.Trigger}}]\n")
    assert {
        "root.Triggers.root > root.Triggers.t SEQUENTIAL",
        "root.Triggers.t > root.Triggers.end SEQUENTIAL",
        "root.Triggers.end > root.root SEQUENTIAL",
    } <= lines(graph)


def test_a_flow_that_starts_itself_ends_somewhere() -> None:
    data = read_document(
        f"id: f\nnamespace: a.b\ntasks: [{{id: s, type: {FLOW}Subflow, namespace: a.b, flowId: f}}]\n"
    ).data
    uids = ["root" + ".s" * depth for depth in range(1, 500)]
    graph = flow_graph(data, lambda namespace, flow_id: data, uids)
    assert len(graph.clusters) == 100


def test_nonsense_is_drawn_as_far_as_it_can_be() -> None:
    graph = graph_of(f"tasks: [1, {{}}, {{id: [x], type: {FLOW}Dag, tasks: [{{task: 1}}, {task('y')}]}}]\nerrors: x\n")
    assert graph.flowables == ["['x']"]


def test_tasks_that_steer_are_no_clusters() -> None:
    graph = graph_of("tasks: [{id: e, type: io.kestra.plugin.core.execution.Exit}]\n")
    assert lines(graph) == {"root.root > root.e SEQUENTIAL", "root.e > root.end SEQUENTIAL"}
    assert graph.clusters == []
