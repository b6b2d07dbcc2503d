"""``io.kestra.plugin.kestra.executions``: counting and searching (core plugins 18)."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import ClassVar

from segue.domain.labels import Label
from segue.domain.platform.executions import LARGEST_PAGE, ChildFilter, Scope, SearchExecutions
from segue.plugins.kestra.connection import KestraTask, text_of
from segue.plugins.kestra.connection import Query as Parameters
from segue.plugins.kestra.fetching import FetchOutput, FetchType, fetched
from segue.sdk import Duration, Example, Moment, Output, Property, RunContext, State, TaskFailed


class CountOutput(Output):
    """``count`` executions."""

    count: int


class Count(KestraTask):
    """Counts executions."""

    type: ClassVar[str] = "io.kestra.plugin.kestra.executions.Count"

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Failures since yesterday",
            "id: failures\ntype: io.kestra.plugin.kestra.executions.Count\nnamespaces:\n  - company.team\n"
            "states:\n  - FAILED\nstartDate: \"{{ now() | dateAdd(-1, 'DAYS') }}\"",
        ),
    )

    namespaces: Property[list[str]] | None = None
    """Only executions of these namespaces; without them of all."""
    flow_id: Property[str] | None = None
    """Only executions of flows with this id."""
    states: Property[list[State]] | None = None
    """Only executions in these states."""
    start_date: Property[Moment] | None = None
    """Only executions that began at this moment or later."""
    end_date: Property[Moment] | None = None
    """Only executions that began at this moment or before."""

    async def run(self, context: RunContext) -> CountOutput:
        """Count. Raises ``SegueError`` for namespaces that are not open to the flow."""
        wanted = SearchExecutions(
            namespaces=tuple((None if self.namespaces is None else await context.render(self.namespaces)) or ()),
            flow_id=await text_of(context, self.flow_id),
            states=tuple((None if self.states is None else await context.render(self.states)) or ()),
            started_after=None if self.start_date is None else await context.render(self.start_date),
            started_before=None if self.end_date is None else await context.render(self.end_date),
            size=1,
        )
        async with self.remote(context) as remote:
            if remote is None:
                return CountOutput(count=(await context.platform.ask(wanted)).total)
            return CountOutput(count=(await remote.page("/executions/search", _parameters(wanted)))[1])


class Query(KestraTask):
    """Finds executions, a page at a time, newest first."""

    type: ClassVar[str] = "io.kestra.plugin.kestra.executions.Query"

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "The last failures of a flow",
            "id: last\ntype: io.kestra.plugin.kestra.executions.Query\nnamespace: company.team\nflowId: load\n"
            "states:\n  - FAILED\nfetchType: FETCH",
        ),
    )

    page: Property[int] = Property.of(1)
    """Which page, from 1."""
    size: Property[int] = Property.of(10)
    """How many executions are on a page."""
    fetch_type: Property[FetchType] = Property.of(FetchType.STORE)
    """Whether the executions go into a file (`STORE`), all or the first one into the outputs, or nowhere."""
    flow_scopes: Property[list[Scope]] | None = None
    """Only flows of users or only those of the system."""
    namespace: Property[str] | None = None
    """Only executions of this namespace and those below it."""
    flow_id: Property[str] | None = None
    """Only executions of flows with this id."""
    start_date: Property[Moment] | None = None
    """Only executions that began at this moment or later."""
    end_date: Property[Moment] | None = None
    """Only executions that began at this moment or before."""
    time_range: Property[Duration] | None = None
    """Only executions that began within this time before now, in place of `startDate`."""
    states: Property[list[State]] | None = None
    """Only executions in these states."""
    labels: Property[dict[str, str]] | None = None
    """Only executions with all of these labels."""
    trigger_execution_id: Property[str] | None = None
    """Only executions that this one has started."""
    child_filter: Property[ChildFilter] | None = None
    """`CHILD`: only those that another execution has started, `MAIN`: only the others."""

    async def run(self, context: RunContext) -> FetchOutput:
        """Find. Raises ``SegueError`` for a page that cannot be and for namespaces that are not open to the flow."""
        wanted = await self._wanted(context)
        kind = await context.render(self.fetch_type) or FetchType.STORE
        async with self.remote(context) as remote:
            if remote is None:
                rows = (await context.platform.ask(wanted)).results
            else:
                rows, _ = await remote.page("/executions/search", _parameters(wanted))
        return await fetched(context, kind, rows)

    async def _wanted(self, context: RunContext) -> SearchExecutions:
        page, size = await context.render(self.page) or 1, await context.render(self.size) or 10
        if page < 1 or not 1 <= size <= LARGEST_PAGE:
            raise TaskFailed(f"`page` must be 1 or more, `size` 1 to {LARGEST_PAGE}")
        started_after = None if self.start_date is None else await context.render(self.start_date)
        time_range = None if self.time_range is None else await context.render(self.time_range)
        if started_after is not None and time_range is not None:
            raise TaskFailed("`startDate` and `timeRange` are mutually exclusive")
        if time_range is not None:
            started_after = datetime.now(UTC) - time_range
        labels = None if self.labels is None else await context.render(self.labels)
        return SearchExecutions(
            namespace=await text_of(context, self.namespace),
            flow_id=await text_of(context, self.flow_id),
            scopes=tuple((None if self.flow_scopes is None else await context.render(self.flow_scopes)) or ()),
            states=tuple((None if self.states is None else await context.render(self.states)) or ()),
            labels=tuple(Label(key, value) for key, value in (labels or {}).items()),
            started_after=started_after,
            started_before=None if self.end_date is None else await context.render(self.end_date),
            caller_id=await text_of(context, self.trigger_execution_id),
            child_filter=None if self.child_filter is None else await context.render(self.child_filter),
            page=page,
            size=size,
        )


def _parameters(wanted: SearchExecutions) -> Parameters:
    """The same search for the REST API (1.3)."""
    return list(_pairs(wanted))


def _pairs(wanted: SearchExecutions) -> Iterable[tuple[str, str]]:
    yield "page", str(wanted.page)
    yield "size", str(wanted.size)
    yield "sort", "state.startDate:desc"
    lists = (
        ("filters[namespace][IN]", wanted.namespaces),
        ("filters[state][IN]", [state.value for state in wanted.states]),
        ("filters[scope][EQUALS]", [scope.value for scope in wanted.scopes]),
    )
    for name, values in lists:
        if values:
            yield name, ",".join(values)
    for label in wanted.labels:
        yield f"filters[labels][EQUALS][{label.key}]", label.value
    texts = (
        ("filters[namespace][PREFIX]", wanted.namespace),
        ("filters[flowId][EQUALS]", wanted.flow_id),
        ("filters[triggerExecutionId][EQUALS]", wanted.caller_id),
        ("filters[childFilter][EQUALS]", wanted.child_filter.value if wanted.child_filter else ""),
        ("filters[startDate][GREATER_THAN_OR_EQUAL_TO]", wanted.started_after and wanted.started_after.isoformat()),
        ("filters[endDate][LESS_THAN_OR_EQUAL_TO]", wanted.started_before and wanted.started_before.isoformat()),
    )
    for name, value in texts:
        if value:
            yield name, value
