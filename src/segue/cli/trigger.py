"""``segue trigger``: look at triggers on a server, switch and unlock them, run them over dates of the past."""

import json
from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from segue.cli.client import Client, Json
from segue.cli.options import DEFAULT_SERVER, Server, Tenant, User, connect
from segue.domain.errors import SegueError
from segue.domain.labels import SYSTEM_PREFIX

app = typer.Typer(help="Look at triggers, switch and unlock them, run backfills.", no_args_is_help=True)
backfill_app = typer.Typer(help="Run schedules over dates of the past.", no_args_is_help=True)
app.add_typer(backfill_app, name="backfill")

Key = Annotated[
    tuple[str, str, str],
    typer.Argument(metavar="NAMESPACE FLOW_ID TRIGGER_ID", help="Which trigger.", show_default=False),
]
_SIZE = 100


@app.command("list")
def list_triggers(
    namespace: Annotated[str | None, typer.Option(help="Of this namespace and those below it.")] = None,
    flow_id: Annotated[str | None, typer.Option("--flow", help="Of this flow.")] = None,
    query: Annotated[str | None, typer.Option("--query", "-q", help="Part of an id or a namespace.")] = None,
    state: Annotated[str | None, typer.Option(help="enabled or disabled.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object per line.")] = False,
    server: Server = DEFAULT_SERVER,
    user: User = None,
    tenant: Tenant = "main",
) -> None:
    """Show triggers with their next dates."""
    filters = {"namespace][PREFIX": namespace, "flowId][EQUALS": flow_id, "q][EQUALS": query}
    filters["triggerState][EQUALS"] = state.upper() if state else None
    params = {f"filters[{name}]": value for name, value in filters.items() if value}
    with connect(server, user, tenant) as client:
        table = Table("trigger", "kind", "state", "next", "last", header_style="bold")
        page = 1
        while found := client.triggers(params, page, _SIZE):
            for item in found:
                if as_json:
                    typer.echo(json.dumps(item, ensure_ascii=False))
                else:
                    table.add_row(*_row(item["state"]))
            if len(found) < _SIZE:
                break
            page += 1
        if not as_json:
            Console().print(table)


@app.command()
def enable(
    trigger: Key,
    server: Server = DEFAULT_SERVER,
    user: User = None,
    tenant: Tenant = "main",
) -> None:
    """Let a trigger start executions again, from now on."""
    body = {**_body(trigger), "disabled": False}
    _ask(server, user, tenant, lambda client: client.change_trigger("PUT", "set-disabled", body))


@app.command()
def disable(
    trigger: Key,
    server: Server = DEFAULT_SERVER,
    user: User = None,
    tenant: Tenant = "main",
) -> None:
    """Let a trigger start nothing, also after its flow was saved again."""
    body = {**_body(trigger), "disabled": True}
    _ask(server, user, tenant, lambda client: client.change_trigger("PUT", "set-disabled", body))


@app.command()
def unlock(
    trigger: Key,
    server: Server = DEFAULT_SERVER,
    user: User = None,
    tenant: Tenant = "main",
) -> None:
    """Do not wait for the running execution of a trigger any more."""
    _ask(server, user, tenant, lambda client: client.unlock_trigger(*trigger))


@backfill_app.command("create")
def create_backfill(
    trigger: Key,
    start: Annotated[str, typer.Option(help="First date, as 2026-01-31T00:00:00Z.")],
    end: Annotated[str | None, typer.Option(help="Last date; now without it.")] = None,
    inputs: Annotated[list[str] | None, typer.Option("--input", "-i", help="key=value. Repeatable.")] = None,
    label: Annotated[list[str] | None, typer.Option("--label", help="key:value. Repeatable.")] = None,
    server: Server = DEFAULT_SERVER,
    user: User = None,
    tenant: Tenant = "main",
) -> None:
    """Start the executions of a schedule between two dates."""
    backfill: Json = {"start": start, **({"end": end} if end else {})}
    backfill["inputs"] = dict(_pair(text, "=", "--input") for text in inputs or ())
    pairs = [_pair(text, ":", "--label") for text in label or ()]
    if any(key.startswith(SYSTEM_PREFIX) for key, _ in pairs):
        raise SegueError(f"--label: labels that begin with {SYSTEM_PREFIX} are set by the server")
    backfill["labels"] = [{"key": key, "value": value} for key, value in pairs]
    body = {**_body(trigger), "backfill": backfill}
    _ask(server, user, tenant, lambda client: client.change_trigger("PUT", "backfill/create", body))


@backfill_app.command("pause")
def pause_backfill(
    trigger: Key,
    server: Server = DEFAULT_SERVER,
    user: User = None,
    tenant: Tenant = "main",
) -> None:
    """Let a backfill wait; the schedule goes on with its own dates."""
    _ask(server, user, tenant, lambda client: client.change_trigger("PUT", "backfill/pause", _body(trigger)))


@backfill_app.command("resume")
def resume_backfill(
    trigger: Key,
    server: Server = DEFAULT_SERVER,
    user: User = None,
    tenant: Tenant = "main",
) -> None:
    """Let a backfill go on."""
    _ask(server, user, tenant, lambda client: client.change_trigger("PUT", "backfill/unpause", _body(trigger)))


@backfill_app.command("delete")
def delete_backfill(
    trigger: Key,
    server: Server = DEFAULT_SERVER,
    user: User = None,
    tenant: Tenant = "main",
) -> None:
    """Give a backfill up; what it has started goes on."""
    _ask(server, user, tenant, lambda client: client.change_trigger("POST", "backfill/delete", _body(trigger)))


def _ask(server: str, user: str | None, tenant: str, call: Callable[[Client], Json]) -> None:
    """Ask a server to change a trigger and say what it is then."""
    with connect(server, user, tenant) as client:
        name, _, state, following, _ = _row(call(client))
    Console(soft_wrap=True).print(Text(f"{name} {state}" + (f", next {following}" if following else "")))


def _row(state: Json) -> tuple[str, str, str, str, str]:
    backfill = state.get("backfill")
    words = ["disabled" if state["disabled"] else "enabled"]
    if state.get("locked"):
        words.append(f"waits for {state.get('executionId') or 'its evaluation'}")
    if backfill:
        words.append(f"backfill {'paused ' if backfill['paused'] else ''}at {backfill.get('currentDate', '?')}")
    name = f"{state['namespace']}.{state['flowId']}.{state['triggerId']}"
    kind = str(state.get("kind", "")).lower()
    return name, kind, ", ".join(words), state.get("nextEvaluationDate", ""), state.get("lastTriggeredDate", "")


def _body(trigger: tuple[str, str, str]) -> dict[str, Any]:
    return dict(zip(("namespace", "flowId", "triggerId"), trigger, strict=True))


def _pair(text: str, sign: str, option: str) -> tuple[str, str]:
    key, found, value = text.partition(sign)
    if not key or not found:
        raise SegueError(f"{option} {text}: the form is key{sign}value")
    return key, value
