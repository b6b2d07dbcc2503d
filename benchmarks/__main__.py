"""``python -m benchmarks NAME [options]``: runs one benchmark by its name."""

import runpy
import signal
import sys

BENCHMARKS = {
    "b1": "webhook, OutputValues, Log",
    "b2": "webhook, five If with a Log each",
    "b3": "webhook, ForEach over 100 values",
    "b4": "webhook with a body of 160 KB",
    "expr": "expressions against Jinja2's sandbox: rendering and compiling",
    "files": "tasks over a file of 300 MB: seconds and memory",
    "foreach": "ForEach over 5,000 values in one execution",
    "idle": "time to ready, memory and CPU of a server without work",
    "loop": "Loop over 100,000 values, an execution each",
    "plugins": "how much of what published flows use is there",
    "scheduler": "100,000 schedules: ready, CPU at rest, how late one and how late 1,000 at once are",
    "scripts": "Python scripts: forty in an execution, and how long one takes to start",
    "storage": "rows a second of the SQL repositories",
    "worker": "jobs a second through a controller and a worker",
}


def main(arguments: list[str]) -> int:
    """Run the module of that name as a program of its own, with the rest of the options."""
    if not arguments or arguments[0] not in BENCHMARKS:
        print("usage: python -m benchmarks NAME [options]; --help after a name shows its options\n")
        for name, subject in BENCHMARKS.items():
            print(f"  {name:<8} {subject}")
        return 0 if arguments in (["--help"], ["-h"]) else 2
    sys.argv = [f"benchmarks {arguments[0]}", *arguments[1:]]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers are stopped and folders removed
    runpy.run_module(f"benchmarks.{arguments[0]}", run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
