"""From what happened to a figure on the screen and a pass or a failure."""

from collections.abc import Awaitable, Callable

from tests.chaos.cluster import Cluster
from tests.chaos.load import Outcome, run_under

LIMIT = 30.0
"""Seconds after the fault within which everything must have ended."""


lines: list[str] = []
"""The figures of all tests so far, for the end of the report."""


async def nothing() -> None:
    """No fault."""


async def judge(cluster: Cluster, fault: Callable[[], Awaitable[None]], name: str, *, losing: bool = False) -> Outcome:
    """Run the load on a cluster whose processes all run, under a fault, and check what came of it."""
    cluster.start()
    outcome = await run_under(fault, lambda: cluster.url, cluster.witness, cluster.database_url)
    check(outcome, f"[{cluster.name}] {name}", losing=losing)
    return outcome


def check(outcome: Outcome, name: str, *, losing: bool = False) -> None:
    """Report the figures, and fail for any problem.

    Without `losing` no attempt may be lost either: only a worker takes attempts with it.
    """
    lines.append(outcome.line(name))
    print("\n" + lines[-1])
    assert not outcome.problems, "\n".join(outcome.problems[:20])
    assert outcome.recovery < LIMIT
    assert losing or not outcome.lost, f"attempts were lost: {outcome.lost}"
