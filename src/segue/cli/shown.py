"""What tasks show of their inside, in the terminal: a tree for each attempt."""

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.markdown import Markdown
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from segue.cli.view import Json, lasted, shorten, state_mark

_LONGEST = 80


def insight_trees(insights: Sequence[Json]) -> Group:
    """All insights, below the attempts they are of, each within its step."""
    attempts: dict[tuple[str, int], list[Json]] = {}
    for one in insights:
        attempts.setdefault((one["taskRunId"], one["attemptNumber"]), []).append(one)
    return Group(*(_tree(found) for found in attempts.values()))


def _tree(insights: Sequence[Json]) -> Tree:
    first = insights[0]
    again = f"  attempt {first['attemptNumber'] + 1}" if first["attemptNumber"] else ""
    root = Tree(Text.assemble((first["taskId"], "bold"), (again, "yellow")), guide_style="bright_black")
    branches: dict[int, Tree] = {}
    for one in sorted(insights, key=lambda each: each["number"]):
        branches[one["number"]] = branches.get(one.get("parent", -1), root).add(_label(one))
    return root


def _label(insight: Json) -> RenderableType:
    content, name = insight["content"], insight["name"]
    match insight["kind"]:
        case "STEP":
            times = {"startDate": insight["startDate"], "endDate": insight.get("endDate")}
            return Text.assemble(
                state_mark({"current": insight.get("state", "RUNNING")}),
                name,
                (f"  {lasted(times)}", "bright_black"),
                *((f"  {key}={shorten(value, _LONGEST)}", "cyan") for key, value in content.items()),
            )
        case "TABLE":
            return Group(Text(name, style="bold"), _table(content.get("columns", ()), content.get("rows", ())))
        case "TEXT":
            return Group(Text(name, style="bold"), Markdown(str(content.get("markdown", ""))))
        case "LINK":
            return Text.assemble((name, "bold"), f"  {content.get('url', '')}")
        case _:
            of = f" of {content['total']}" if "total" in content else ""
            return Text.assemble((name, "bold"), f"  {content.get('done', '')}{of}  {content.get('message', '')}")


def _table(columns: Iterable[object], rows: Iterable[Sequence[object]]) -> Table:
    table = Table(header_style="bold")
    for column in columns:
        table.add_column(Text(str(column)))
    for row in rows:
        table.add_row(*(Text("" if cell is None else shorten(cell, _LONGEST)) for cell in row))
    return table
