"""``io.kestra.plugin.core.execution`` (core plugins 3)."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from segue.domain.platform.executions import CountExecutions, FlowName
from segue.expr import ExpressionError
from segue.sdk import Example, Moment, Output, Property, RunContext, State, Task, TaskFailed, is_truthy


class Fail(Task):
    """Fails: always, or when its condition holds."""

    type: ClassVar[str] = "io.kestra.plugin.core.execution.Fail"
    aliases: ClassVar[frozenset[str]] = frozenset({"io.kestra.core.tasks.executions.Fail"})
    instant: ClassVar[bool] = True

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Fail when there is nothing to do",
            "id: check\ntype: io.kestra.plugin.core.execution.Fail\n"
            'condition: "{{ inputs.rows == 0 }}"\nerrorMessage: There are no rows',
        ),
    )

    condition: Property[str] | None = None
    """An expression; the task only fails when it holds."""
    error_message: Property[str] = Property.of("Task failure")
    """The text that is logged."""

    async def run(self, context: RunContext) -> None:
        """Raise ``TaskFailed``; return when there is a condition that does not hold."""
        if self.condition is None:
            raise TaskFailed(await context.render(self.error_message) or "")
        if is_truthy(await context.render(self.condition)):
            context.logger.error(await context.render(self.error_message) or "")
            raise TaskFailed("Fail on a condition")


class Assert(Task):
    """Fails unless all of its conditions hold."""

    type: ClassVar[str] = "io.kestra.plugin.core.execution.Assert"
    instant: ClassVar[bool] = True

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Check the inputs before anything else",
            "id: check\ntype: io.kestra.plugin.core.execution.Assert\n"
            'conditions:\n  - "{{ inputs.rows > 0 }}"\nerrorMessage: There are no rows',
        ),
    )

    conditions: list[str]
    """Expressions that must all hold."""
    error_message: Property[str] | None = None
    """A text added to the error."""

    async def run(self, context: RunContext) -> None:
        """Evaluate each condition; one that cannot be evaluated does not hold.

        Raises ``TaskFailed`` with the number of those that do not hold.
        """
        failed = 0
        for condition in self.conditions:
            try:
                answer = await context.render(condition)
                holds = is_truthy(answer)
            except ExpressionError as error:
                context.logger.error("%s", error)
                holds = False
            if not holds:
                failed += 1
                context.logger.error("Assertion `%s` failed!", condition)
        context.metrics.counter("success", len(self.conditions) - failed)
        context.metrics.counter("failed", failed)
        if failed:
            message = None if self.error_message is None else await context.render(self.error_message)
            raise TaskFailed(f"{failed} assertion(s) failed!" + (f"\n{message}" if message else ""))


class CountedFlow(BaseModel):
    """A flow whose executions are counted."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)

    namespace: str
    """The namespace of the flow."""
    flow_id: str
    """The id of the flow."""


class FlowCount(Output):
    """``count`` executions of a flow; of a whole namespace when there is no ``flowId``."""

    namespace: str
    flow_id: str | None = None
    count: int


class CountOutput(Output):
    """``results`` are the counts for which the expression holds, ``total`` is their sum."""

    results: list[FlowCount]
    total: int


class Count(Task):
    """Counts the executions of flows or namespaces and keeps the counts that an expression picks (1.x)."""

    type: ClassVar[str] = "io.kestra.plugin.core.execution.Count"
    aliases: ClassVar[frozenset[str]] = frozenset({"io.kestra.core.tasks.executions.Counts"})
    deprecated: ClassVar[str] = "Use `io.kestra.plugin.kestra.executions.Count`."

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Which flows have not succeeded since yesterday",
            "id: silent\ntype: io.kestra.plugin.core.execution.Count\nflows:\n"
            "  - namespace: company.team\n    flowId: load\nstates:\n  - SUCCESS\n"
            'startDate: "{{ now() | dateAdd(-1, \'DAYS\') }}"\nexpression: "{{ count == 0 }}"',
        ),
    )

    flows: list[CountedFlow] | None = None
    """The flows whose executions are counted, each for itself."""
    namespaces: Property[list[str]] | None = None
    """The namespaces whose executions are counted, each for itself."""
    states: Property[list[State]] | None = None
    """Only executions in these states; without them all."""
    start_date: Property[Moment]
    """Only executions that began at this moment or later."""
    end_date: Property[Moment] | None = None
    """Only executions that began at this moment or before; without it all later ones."""
    expression: str
    """Picks a count, `count` in the expression, by rendering to `true`."""

    async def run(self, context: RunContext) -> CountOutput:
        """Count, then pick.

        Raises ``TaskFailed`` without flows and namespaces, ``SegueError`` for namespaces that are not open.
        """
        namespaces = None if self.namespaces is None else await context.render(self.namespaces)
        if not self.flows and not namespaces:
            raise TaskFailed("You must provide a list of flows or namespaces.")
        started_after = await context.render(self.start_date)
        if started_after is None:
            raise TaskFailed("`startDate` is empty")
        call = CountExecutions(
            flows=tuple(FlowName(flow.namespace, flow.flow_id) for flow in self.flows or ()),
            namespaces=tuple(namespaces or ()),
            states=tuple((None if self.states is None else await context.render(self.states)) or ()),
            started_after=started_after,
            started_before=None if self.end_date is None else await context.render(self.end_date),
        )
        found = (await context.platform.ask(call)).counts
        context.logger.debug("%d counts", len(found))
        results = [
            FlowCount(namespace=each.namespace, flow_id=each.flow_id, count=each.count)
            for each in found
            if (await context.render(self.expression, {"count": each.count})).strip() == "true"
        ]
        return CountOutput(results=results, total=sum(each.count for each in results))
