"""``python -m benchmarks NAME [options]``: runs one benchmark by its name."""

import importlib
import sys

BENCHMARKS = {
    "b1": "webhook, OutputValues, Log",
    "b2": "webhook, five If with a Log each",
    "b3": "webhook, ForEach over 100 values",
    "b4": "webhook with a body of 160 KB",
    "idle": "time to ready, memory and CPU of a server without work",
    "storage": "rows per second of the SQL repositories",
}


def main(arguments: list[str]) -> int:
    """Hand the options to the module of that name; the process ends with what it returns."""
    if not arguments or arguments[0] not in BENCHMARKS:
        print("usage: python -m benchmarks NAME [options]; --help after a name shows its options\n")
        for name, subject in BENCHMARKS.items():
            print(f"  {name:<8} {subject}")
        return 0 if arguments in (["--help"], ["-h"]) else 2
    module = importlib.import_module(f"benchmarks.{arguments[0]}")
    return int(module.main(arguments[1:]) or 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
