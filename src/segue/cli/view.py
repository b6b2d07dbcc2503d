"""Executions in the terminal: a tree of task runs, log lines, outputs."""

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from rich.table import Table
from rich.text import Text
from rich.tree import Tree

Json = dict[str, Any]

_COLOURS = {
    "SUCCESS": "green",
    "WARNING": "yellow",
    "FAILED": "red",
    "KILLED": "magenta",
    "KILLING": "magenta",
    "CANCELLED": "magenta",
    "RUNNING": "cyan",
    "RETRYING": "yellow",
    "PAUSED": "blue",
    "SKIPPED": "bright_black",
}
_SIGNS = {"SUCCESS": "✓", "WARNING": "!", "FAILED": "✗", "KILLED": "✗", "SKIPPED": "-", "RUNNING": "…"}
_LEVELS = {
    "ERROR": "red",
    "WARN": "yellow",
    "INFO": "default",
    "DEBUG": "bright_black",
    "TRACE": "bright_black",
}
_LONGEST_VALUE = 200


def run_tree(execution: Json) -> Tree:
    """The execution with its task runs below it, nested as the flow nests them."""
    title = Text.assemble(
        state_mark(execution["state"]),
        (f"{execution['namespace']}.{execution['flowId']}", "bold"),
        (f"  {execution['id']}", "bright_black"),
        (f"  {lasted(execution['state'])}", "bright_black"),
    )
    tree = Tree(title, guide_style="bright_black")
    children = defaultdict(list)
    runs = execution.get("taskRunList") or []
    known = {run["id"] for run in runs}
    for run in runs:
        parent = run.get("parentTaskRunId")
        children[parent if parent in known else None].append(run)
    _grow(tree, children, None)
    return tree


def _grow(tree: Tree, children: dict[str | None, list[Json]], parent: str | None) -> None:
    for run in children.get(parent, []):
        attempts = len(run.get("attempts") or [])
        label = Text.assemble(
            state_mark(run["state"]),
            run["taskId"],
            (f" [{shorten(run['value'], 40)}]" if run.get("value") else "", "cyan"),
            (f"  {lasted(run['state'])}", "bright_black"),
            (f"  {attempts} attempts" if attempts > 1 else "", "yellow"),
        )
        _grow(tree.add(label), children, run["id"])


def state_mark(state: Json) -> Text:
    """The sign and name of a state in its colour."""
    name = state["current"]
    return Text(f"{_SIGNS.get(name, '·')} {name:<8} ", style=_COLOURS.get(name, "default"))


def lasted(state: Json) -> str:
    """How long something has run, up to now when it has not ended."""
    if not state.get("startDate"):
        return ""
    began = datetime.fromisoformat(state["startDate"])
    ended = datetime.fromisoformat(state["endDate"]) if state.get("endDate") else datetime.now(UTC)
    seconds = max(0.0, (ended - began).total_seconds())
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)} min {int(seconds % 60)} s"


def log_line(entry: Json) -> Text:
    """One log line: time, level, task, message."""
    level = entry.get("level", "INFO")
    moment = datetime.fromisoformat(entry["timestamp"]).astimezone()
    return Text.assemble(
        (f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03d} ", "bright_black"),
        (f"{level:<5} ", _LEVELS.get(level, "default")),
        (f"{entry.get('taskId') or entry.get('triggerId') or 'flow'}  ", "blue"),
        (str(entry.get("message", "")), _LEVELS.get(level, "default")),
    )


def outputs_table(task_outputs: Sequence[Json], flow_outputs: Json | None) -> Table | None:
    """Outputs of the tasks and of the flow; None when there are none."""
    rows = [
        (item["taskId"], item.get("value"), key, value)
        for item in task_outputs
        for key, value in (item.get("outputs") or {}).items()
    ]
    rows += [("(flow)", None, key, value) for key, value in (flow_outputs or {}).items()]
    if not rows:
        return None
    table = Table("task", "output", "value", title="Outputs", title_justify="left", header_style="bold")
    for task, iteration, key, value in rows:
        name = f"{task} [{shorten(iteration, 40)}]" if iteration else task
        table.add_row(Text(name), Text(key), Text(shorten(value, _LONGEST_VALUE)))
    return table


def shorten(value: Any, limit: int) -> str:
    """A value as text of at most ``limit`` characters."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
