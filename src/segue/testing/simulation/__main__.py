"""``python -m segue.testing.simulation --seeds A:B``: simulate the seeds from A up to B."""

import argparse
import sys
import time

from segue.testing.simulation.run import SimulationError, simulate


def main(arguments: list[str] | None = None) -> int:
    """Simulate; the number of seeds that failed, at most 100."""
    parser = argparse.ArgumentParser(prog="python -m segue.testing.simulation", description=__doc__)
    parser.add_argument("--seeds", default="0:1000", help="from A up to B (without B), as A:B")
    parser.add_argument("--story", action="store_true", help="print what happened in each of them")
    parser.add_argument("--keep-going", action="store_true", help="do not stop at the first that fails")
    options = parser.parse_args(arguments)
    first, _, last = options.seeds.partition(":")
    began, events, failed = time.monotonic(), 0, 0
    seeds = range(int(first), int(last or int(first) + 1))
    for seed in seeds:
        try:
            outcome = simulate(seed)
        except SimulationError as error:
            failed += 1
            print(error if not options.keep_going else str(error).partition("\n")[0], file=sys.stderr)
            if not options.keep_going:
                break
            continue
        events += len(outcome.story)
        if options.story:
            print("\n---\n".join(outcome.scene.sources), *outcome.story, sep="\n")
    print(f"{len(seeds)} seeds, {events} events, {failed} failed, {time.monotonic() - began:.1f} s")
    return min(failed, 100)


if __name__ == "__main__":
    sys.exit(main())
