"""One seed from the draw to the verdict."""

import random
from dataclasses import dataclass
from typing import TypeVar

from segue.domain.execution.creation import StartRequest, create_execution
from segue.domain.execution.facts import Created
from segue.expr import Services
from segue.ports.rendering import Renderer
from segue.testing.simulation import verdict
from segue.testing.simulation.cluster import Chances, Cluster, outcome_of
from segue.testing.simulation.database import Database
from segue.testing.simulation.flows import FlowMaker, Scene
from segue.testing.world import World

AnyWorld = TypeVar("AnyWorld", bound=World)


class SimulationError(AssertionError):
    """Something did not hold. The message has the seed, the flows and the story."""


@dataclass(frozen=True)
class Outcome:
    """What a seed was: its flows, and what happened."""

    seed: int
    scene: Scene
    story: list[str]


def simulate(seed: int, *, requests: bool | None = None) -> Outcome:
    """One history. ``requests``: users interfere, and the end is not compared (every third seed for None).

    Raises ``SimulationError``.
    """
    dice = random.Random(seed)  # noqa: S311  no secret
    scene = FlowMaker(dice).scene()
    interferes = seed % 3 == 2 if requests is None else requests
    database = _deploy(Database(answer=outcome_of), scene, dice)
    cluster = Cluster(database, dice, Chances(request=0.5 if interferes else 0.0))
    try:
        _start(database, scene)
        cluster.run()
        verdict.check_end(database)
        if not interferes:
            verdict.check_same(
                database,
                _plain(scene),
                in_detail=not scene.is_a_race,
                has_open_end=scene.has_an_open_end,
            )
    except Exception as error:
        raise SimulationError(_report(seed, scene, cluster.story, error)) from error
    return Outcome(seed, scene, cluster.story)


def _plain(scene: Scene) -> World:
    """The same without faults."""
    world = _deploy(World(answer=outcome_of), scene, random.Random(0))  # noqa: S311  no secret
    _start(world, scene)
    world.settle()
    return world


def _deploy(world: AnyWorld, scene: Scene, dice: random.Random) -> AnyWorld:
    services = Services(clock=lambda: world.now, entropy=dice.randbytes)
    world.renderer = Renderer(world.renderer.engine, lambda: services)
    for source in scene.sources:
        world.deploy(source)
    return world


def _start(world: World, scene: Scene) -> None:
    for number in range(scene.copies):
        flow = world.flows["n", "main"][-1]
        execution = create_execution(flow, StartRequest(), f"x{number}", world.now)
        world.write(execution)
        world.tell(execution.id, Created())


def _report(seed: int, scene: Scene, story: list[str], error: Exception) -> str:
    flows = "\n---\n".join(scene.sources)
    lines = "\n".join(f"{number:5} {line}" for number, line in enumerate(story))
    again = f"python -m segue.testing.simulation --seeds {seed}:{seed + 1} --story"
    return f"seed {seed}: {type(error).__name__}: {error}\n{flows}\n{lines}\nAgain: {again}"
