"""Plugins: how much of what published flows use is there (no server, nothing is measured in time).

A flow counts as runnable when all of its types exist; whether the account or image behind them can be reached is not
asked. The figures tell how many flows a set of groups completes, not which: the share of flows is given by bounds.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

DATA = Path(__file__).parent / "demand"
PREFIX = "io.kestra.plugin."
FLOWS = {"official": 399, "field": 117}


class Wanted(NamedTuple):
    """A type in the figures: how often it is used, and in how many flows of each corpus."""

    type: str
    group: str
    kind: str
    uses: int
    flows: dict[str, int]


class Share(NamedTuple):
    """Flows of a corpus that can run: at least and at most so many."""

    corpus: str
    least: int
    most: int
    all: int


def wanted() -> list[Wanted]:
    """The figures by type."""
    with (DATA / "types.csv").open(newline="") as file:
        return [
            Wanted(row["type"], row["group"], row["kind"], int(row["uses"]), {name: int(row[name]) for name in FLOWS})
            for row in csv.DictReader(file)
        ]


def curve(corpus: str) -> list[tuple[str, int]]:
    """Groups in their order, with the flows that need no others than those so far."""
    with (DATA / "curves.csv").open(newline="") as file:
        return [(row["group"], int(row["flows"])) for row in csv.DictReader(file) if row["corpus"] == corpus]


def share(corpus: str, missing: Iterable[Wanted]) -> Share:
    """How many flows can run without the types that are missing.

    At least: those of the first groups of the curve, wherever that is most, less all flows that a missing type of these
    groups may be in. At most: all but those with the one missing type that is in most of them.
    """
    lost: dict[str, int] = {}
    most_wanted = 0
    for one in missing:
        lost[one.group] = lost.get(one.group, 0) + one.flows[corpus]
        most_wanted = max(most_wanted, one.flows[corpus])
    least, without = 0, 0
    for group, flows in curve(corpus):
        without += lost.get(group, 0)
        least = max(least, flows - without)
    return Share(corpus, least, FLOWS[corpus] - most_wanted, FLOWS[corpus])


def known_types() -> Callable[[str], bool]:
    """Whether a type of this installation can be loaded, or is one of the language."""
    from segue.plugins.documents import Library
    from segue.plugins.registry import PluginRegistry

    registry = PluginRegistry()
    types = set(Library(registry).types()) - set(registry.faults())
    return lambda name: name in types or (registry.canonical(name) or "") in types


def main(arguments: list[str] | None = None) -> None:
    """Print the shares, and what is missing most."""
    parser = argparse.ArgumentParser(prog="benchmarks plugins", description=__doc__)
    parser.add_argument("--missing", type=int, default=20, help="how many missing types to name")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    is_known, figures = known_types(), wanted()
    missing = [one for one in figures if not is_known(PREFIX + one.type)]
    shares = [share(corpus, missing) for corpus in FLOWS]
    uses = sum(one.uses for one in figures)
    used = uses - sum(one.uses for one in missing)
    first = sorted(missing, key=lambda one: (-sum(one.flows.values()), one.type))[: options.missing]
    if options.json:
        found = {
            "types": {"all": len(figures), "known": len(figures) - len(missing)},
            "uses": {"all": uses, "known": used},
            "flows": [one._asdict() for one in shares],
            "missing": [one._asdict() for one in first],
        }
        print(json.dumps(found, indent=2))
        return
    print(f"types   {len(figures) - len(missing):>5} of {len(figures)}")
    for kind in dict.fromkeys(one.kind for one in figures):
        of_kind = [one for one in figures if one.kind == kind]
        print(f"  {kind:<12} {sum(one not in missing for one in of_kind):>3} of {len(of_kind)}")
    print(f"uses    {used:>5} of {uses} ({100 * used / uses:.1f} %)")
    for one in shares:
        low, high = 100 * one.least / one.all, 100 * one.most / one.all
        print(f"flows   {one.corpus:<9} {one.least} to {one.most} of {one.all} runnable ({low:.1f} to {high:.1f} %)")
    print("\nmissing, by the flows they are in")
    for want in first:
        print(f"  {sum(want.flows.values()):>4}  {PREFIX}{want.type}")


if __name__ == "__main__":
    main()
