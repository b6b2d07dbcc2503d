"""Watch an execution until it ends."""

import time
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.live import Live

from segue.cli.client import TERMINATED, Client
from segue.cli.view import log_line, outputs_table, run_tree

Json = dict[str, Any]
_FIRST_WAIT = 0.1
_LONGEST_WAIT = 1.0


def wait_for_end(client: Client, execution_id: str, seen: Callable[[Json], None] = lambda _: None) -> Json:
    """The execution once it has ended. ``seen`` gets every state of it that was looked at."""
    wait = _FIRST_WAIT
    while True:
        execution = client.execution(execution_id)
        seen(execution)
        if execution["state"]["current"] in TERMINATED:
            return execution
        time.sleep(wait)
        wait = min(wait * 1.1, _LONGEST_WAIT)


def watch(client: Client, execution_id: str, console: Console) -> Json:
    """Show task runs and log lines while the execution runs, then its outputs; the ended execution."""
    shown: set[tuple[str, ...]] = set()

    def show_logs() -> None:
        for entry in client.logs(execution_id):
            key = tuple(str(entry.get(name)) for name in ("timestamp", "taskRunId", "attemptNumber", "message"))
            if key not in shown:
                shown.add(key)
                console.print(log_line(entry))

    with Live(console=console, refresh_per_second=8, transient=True) as live:

        def progress(execution: Json) -> None:
            if console.is_terminal:
                show_logs()
                live.update(run_tree(execution))

        ended = wait_for_end(client, execution_id, progress)
    show_logs()
    console.print()
    console.print(run_tree(ended))
    table = outputs_table(client.outputs(execution_id), ended.get("outputs"))
    if table is not None:
        console.print()
        console.print(table)
    return ended


def exit_code(execution: Json) -> int:
    """0 for SUCCESS and WARNING, 1 for every other end."""
    return 0 if execution["state"]["current"] in {"SUCCESS", "WARNING"} else 1
