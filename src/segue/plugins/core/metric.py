"""``io.kestra.plugin.core.metric`` (core plugins 4)."""

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel

from segue.domain.flow.fields import dynamic
from segue.sdk import Duration, Example, Property, RunContext, Task

_Number = Annotated[float, Field(allow_inf_nan=False), WithJsonSchema(dynamic({"type": "number"}))]


class _Metric(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True, coerce_numbers_to_str=True
    )

    name: str
    """What is measured."""
    description: str | None = None
    """What it means, for readers of the flow."""
    tags: dict[str, str] = {}
    """Names and values by which the figures can be told apart."""


class CounterMetric(_Metric):
    """A number of things."""

    type: Literal["counter"]
    """`counter`."""
    value: _Number
    """How many."""


class GaugeMetric(_Metric):
    """A value that goes up and down."""

    type: Literal["gauge"]
    """`gauge`."""
    value: _Number
    """The present value."""


class TimerMetric(_Metric):
    """How long something took."""

    type: Literal["timer"]
    """`timer`."""
    value: Duration
    """An ISO-8601 duration."""


class Publish(Task):
    """Reports figures of one's own."""

    type: ClassVar[str] = "io.kestra.plugin.core.metric.Publish"
    instant: ClassVar[bool] = True

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Report how many rows were loaded and how long it took",
            "id: figures\ntype: io.kestra.plugin.core.metric.Publish\nmetrics:\n"
            '  - {type: counter, name: rows, value: "{{ outputs.load.size }}", tags: {table: prices}}\n'
            "  - {type: timer, name: loading, value: PT1.5S}",
        ),
    )

    metrics: Property[list[Annotated[CounterMetric | GaugeMetric | TimerMetric, Field(discriminator="type")]]]
    """The figures."""

    async def run(self, context: RunContext) -> None:
        """Render and report."""
        for metric in await context.render(self.metrics) or []:
            if isinstance(metric, CounterMetric):
                context.metrics.counter(metric.name, metric.value, **metric.tags)
            elif isinstance(metric, GaugeMetric):
                context.metrics.gauge(metric.name, metric.value, **metric.tags)
            else:
                context.metrics.timer(metric.name, metric.value, **metric.tags)
