"""Random flows. What becomes of each task follows from its type and its tries, so that two histories compare."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from segue.domain.engine.flowables import BEHAVIOURS
from segue.domain.flow import flowables as model
from segue.domain.flow import steering
from segue.domain.flow.tasks import Task

CORE = "io.kestra.plugin.core"
_LEAVES = {
    "Log": "log.Log",
    "Return": "debug.Return",
    "Fail": "execution.Fail",
    "Flaky": "test.Flaky",
    "Warn": "test.Warn",
}
_PLAIN = ("Log", "Log", "Log", "Log", "Return", "Return", "Return", "Fail", "Flaky", "Warn")

_RARE = frozenset({steering.Exit, model.Template, model.Approval})
"""What often ends a flow before it has begun."""

Maker = Callable[["FlowMaker", int], dict[str, Any]]

MAKERS: dict[type[Task], Maker] = {}
"""What draws the properties of a task that the engine runs itself, by its model. ``depth``: how deep it may nest."""

SIDE_BY_SIDE = frozenset({"Parallel", "Dag", "ForEach", "EachParallel", "Loop", "ForEachItem"})
"""After a failure beside others it depends on the order which of the others had begun."""


MAY_FAIL = frozenset(
    {"ForEachItem", "Fail", "Flaky", "Exit", "Switch", "Template", "Approval", "Pause", "Subflow", "LoopUntil"}
)


def makes(kind: type[Task]) -> Callable[[Maker], Maker]:
    """Register what draws the properties of tasks of ``kind``."""

    def register(maker: Maker) -> Maker:
        MAKERS[kind] = maker
        return maker

    return register


@dataclass
class Scene:
    """What a seed plays with: the texts of flows, the first one being started; its executions run ``copies`` times."""

    sources: list[str]
    copies: int
    kinds: set[str] = field(default_factory=set)

    @property
    def is_a_race(self) -> bool:
        """Whether the states of single task runs may depend on the order of things."""
        return bool(self.kinds & SIDE_BY_SIDE) and bool(self.kinds & MAY_FAIL)

    @property
    def has_an_open_end(self) -> bool:
        """Whether even the final state may: an end of everything, or a Resume beside a Pause, may be first or last."""
        return self.is_a_race and ("Exit" in self.kinds or {"Resume", "Pause"} <= self.kinds)


class FlowMaker:
    """Draws flows; ``dice`` decides everything."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.kinds: set[str] = set()
        self.callable: list[str] = []
        self._count = 0
        self._returns: list[str] = []

    def scene(self) -> Scene:
        """A flow, and flows it may call."""
        sources = []
        for number in range(self.dice.choice((0, 0, 1, 2))):
            sources.append(self.flow(f"called{number}", depth=1))
            self.callable.append(f"called{number}")
        sources.insert(0, self.flow("main", depth=3))
        copies = self.dice.randint(2, 4) if '"concurrency"' in sources[0] else 1
        return Scene(sources, copies, self.kinds)

    def flow(self, flow_id: str, depth: int) -> str:
        """The text of a flow."""
        self._returns = []
        flow: dict[str, Any] = {"id": flow_id, "namespace": "n", "tasks": self.tasks(depth)}
        for section in ("errors", "finally", "afterExecution"):
            if self.dice.random() < 0.25:
                flow[section] = self.tasks(1)
        if self.dice.random() < 0.4:
            flow["concurrency"] = {"limit": self.dice.randint(1, 2)}
        if self.dice.random() < 0.1:
            flow["sla"] = [{"id": "slow", "type": "MAX_DURATION", "duration": "PT1S", "behavior": "NONE"}]
        return msgspec.json.encode(flow).decode()

    def tasks(self, depth: int, least: int = 1) -> list[dict[str, Any]]:
        """One to three tasks."""
        return [self.task(depth) for _ in range(self.dice.randint(least, 3))]

    def task(self, depth: int) -> dict[str, Any]:
        """Any task."""
        kinds: list[type[Task] | str] = list(_PLAIN)
        if depth > 0:
            ours = [kind for kind in MAKERS if kind in BEHAVIOURS]
            kinds += [kind for kind in ours for _ in range(1 if kind in _RARE else 3)]
            kinds += list(_PLAIN) * 2
        kind = self.dice.choice(kinds)
        return self.leaf(kind) if isinstance(kind, str) else self._steering(kind, depth - 1)

    def leaf(self, kind: str) -> dict[str, Any]:
        """A task for workers."""
        self.kinds.add(kind)
        task = self._common() | {"type": f"{CORE}.{_LEAVES[kind]}", "message": "m"}
        if kind == "Return":
            earlier = self.dice.choice(self._returns) if self._returns and self.dice.random() < 0.5 else None
            task["format"] = "x" if earlier is None else f"{{{{ outputs.{earlier}.value ?? 'none' }}}}"
            self._returns.append(task["id"])
        if kind == "Flaky" or self.dice.random() < 0.2:
            task["retry"] = {"type": "constant", "interval": "PT1S", "maxAttempts": self.dice.randint(1, 4)}
        return task

    def runnable(self) -> dict[str, Any]:
        """A task for workers of any kind."""
        return self.leaf(self.dice.choice(_PLAIN))

    def name(self) -> str:
        """An id no other task has."""
        self._count += 1
        return f"t{self._count}"

    def _common(self) -> dict[str, Any]:
        extras = (
            ("allowFailure", True, 0.15),
            ("allowWarning", True, 0.05),
            ("disabled", True, 0.05),
            ("when", "{{ taskrun.id is null }}", 0.07),
        )
        return {"id": self.name()} | {name: value for name, value, chance in extras if self.dice.random() < chance}

    def _steering(self, kind: type[Task], depth: int) -> dict[str, Any]:
        name = kind.__name__
        self.kinds.add(name)
        task = self._common() | {"type": f"{CORE}.flow.{name}"} | MAKERS[kind](self, depth)
        if issubclass(kind, model.Flowable):
            for section in ("errors", "finally"):
                if self.dice.random() < 0.15 and section not in task:
                    task[section] = self.tasks(min(depth, 1))
        return task


def _values(maker: FlowMaker) -> list[Any]:
    return maker.dice.choice(([], ["a"], ["a", "b"], ["a", "b", "a", "c"], [1, {"k": "v"}, "z"]))


@makes(model.WorkingDirectory)
def _directory(maker: FlowMaker, depth: int) -> dict[str, Any]:  # noqa: ARG001  nothing nests in it
    return {"tasks": [maker.runnable() for _ in range(maker.dice.randint(1, 3))]}


@makes(model.Sequential)
@makes(model.AllowFailure)
def _block(maker: FlowMaker, depth: int) -> dict[str, Any]:
    return {"tasks": maker.tasks(depth)}


@makes(model.Parallel)
def _parallel(maker: FlowMaker, depth: int) -> dict[str, Any]:
    return {"tasks": maker.tasks(depth), "concurrent": maker.dice.randint(0, 2)}


@makes(model.Dag)
def _dag(maker: FlowMaker, depth: int) -> dict[str, Any]:
    tasks = maker.tasks(depth)
    nodes: list[dict[str, Any]] = [{"task": task} for task in tasks]
    for index in range(1, len(nodes)):
        if maker.dice.random() < 0.6:
            nodes[index]["dependsOn"] = [tasks[maker.dice.randrange(index)]["id"]]
    return {"tasks": nodes}


@makes(model.If)
def _if(maker: FlowMaker, depth: int) -> dict[str, Any]:
    condition = maker.dice.choice(("{{ 1 == 1 }}", "{{ 1 == 2 }}", "{{ flow.id == 'main' }}"))
    return {"condition": condition, "then": maker.tasks(depth), "else": maker.tasks(depth)}


@makes(model.Switch)
def _switch(maker: FlowMaker, depth: int) -> dict[str, Any]:
    cases = {"a": maker.tasks(depth), "b": maker.tasks(depth)}
    return {"value": maker.dice.choice("abc"), "cases": cases} | (
        {"defaults": maker.tasks(depth)} if maker.dice.random() < 0.7 else {}
    )


@makes(model.ForEach)
def _for_each(maker: FlowMaker, depth: int) -> dict[str, Any]:
    return {"values": _values(maker), "concurrencyLimit": maker.dice.randint(0, 2), "tasks": maker.tasks(depth)}


@makes(model.EachSequential)
def _each_sequential(maker: FlowMaker, depth: int) -> dict[str, Any]:
    return {"value": _values(maker), "tasks": maker.tasks(depth)}


@makes(model.EachParallel)
def _each_parallel(maker: FlowMaker, depth: int) -> dict[str, Any]:
    return {"value": _values(maker), "concurrent": maker.dice.randint(0, 2), "tasks": maker.tasks(depth)}


@makes(model.Loop)
def _loop(maker: FlowMaker, depth: int) -> dict[str, Any]:
    return {
        "values": _values(maker),
        "concurrencyLimit": maker.dice.randint(0, 2),
        "transmitFailed": maker.dice.random() < 0.8,
        "tasks": maker.tasks(min(depth, 1)),
    }


@makes(model.LoopUntil)
def _loop_until(maker: FlowMaker, depth: int) -> dict[str, Any]:
    enough = maker.dice.randint(1, 3)
    return {
        "condition": maker.dice.choice(("{{ 1 == 1 }}", "{{ 1 == 2 }}")),
        "tasks": maker.tasks(min(depth, 1)),
        "checkFrequency": {"interval": "PT1S", "maxIterations": enough},
        "failOnMaxReached": maker.dice.random() < 0.3,
    }


@makes(model.Subflow)
def _subflow(maker: FlowMaker, depth: int) -> dict[str, Any]:  # noqa: ARG001  the form of all makers
    called = maker.dice.choice(
        [*maker.callable, "missing"] if maker.dice.random() < 0.1 else maker.callable or ["missing"]
    )
    return {
        "namespace": "n",
        "flowId": called,
        "wait": maker.dice.random() < 0.8,
        "transmitFailed": maker.dice.random() < 0.8,
    }


@makes(model.ForEachItem)
def _for_each_item(maker: FlowMaker, depth: int) -> dict[str, Any]:
    return _subflow(maker, depth) | {"items": "kestra:///items.ion", "batch": {"rows": 2}}


@makes(model.Pause)
def _pause(maker: FlowMaker, depth: int) -> dict[str, Any]:  # noqa: ARG001  the form of all makers
    behavior = maker.dice.choice(("RESUME", "RESUME", "WARN", "FAIL", "CANCEL"))
    if behavior == "CANCEL":
        maker.kinds.add("Exit")
    return {"pauseDuration": "PT2S", "behavior": behavior} | (
        {"onPause": maker.runnable()} if behavior == "RESUME" and maker.dice.random() < 0.3 else {}
    )


@makes(model.Approval)
def _approval(maker: FlowMaker, depth: int) -> dict[str, Any]:
    """A review that nobody gives: approved by itself or expired. No task races with the end of the time."""
    outcomes = ["CONTINUE", "WARN", "FAIL", "SUCCEED", "CANCEL"]
    ends = {name: maker.dice.choice(outcomes) for name in ("approveBehavior", "expireBehavior")}
    maker.kinds |= {"Exit"} if {"SUCCEED", "CANCEL"} & set(ends.values()) else set()
    if maker.dice.random() < 0.5:
        return ends | {"timeout": "PT2S"}
    branches = {name: maker.tasks(min(depth, 1)) for name in ("onWait", "onApprove") if maker.dice.random() < 0.4}
    return ends | branches | {"autoApprove": True}


@makes(model.Template)
def _template(maker: FlowMaker, depth: int) -> dict[str, Any]:  # noqa: ARG001  the form of all makers
    return {"namespace": "n", "templateId": "none"}


@makes(steering.Exit)
def _exit(maker: FlowMaker, depth: int) -> dict[str, Any]:  # noqa: ARG001  the form of all makers
    state = maker.dice.choice(("SUCCESS", "WARNING", "FAILED", "CANCELLED", "KILLED"))
    return {"type": f"{CORE}.execution.Exit", "state": state, "when": maker.dice.choice(("{{ true }}", "{{ false }}"))}


@makes(steering.Labels)
def _labels(maker: FlowMaker, depth: int) -> dict[str, Any]:  # noqa: ARG001  the form of all makers
    return {"type": f"{CORE}.execution.Labels", "labels": {maker.name(): "{{ execution.id }}"}}


@makes(steering.SetVariables)
def _set_variables(maker: FlowMaker, depth: int) -> dict[str, Any]:  # noqa: ARG001  the form of all makers
    return {"type": f"{CORE}.execution.SetVariables", "variables": {"shared": maker.name()}}


@makes(steering.UnsetVariables)
def _unset_variables(maker: FlowMaker, depth: int) -> dict[str, Any]:  # noqa: ARG001  the form of all makers
    return {"type": f"{CORE}.execution.UnsetVariables", "variables": ["shared"], "ignoreMissing": True}


@makes(steering.Resume)
def _resume(maker: FlowMaker, depth: int) -> dict[str, Any]:  # noqa: ARG001  the form of all makers
    return {"type": f"{CORE}.execution.Resume"}
