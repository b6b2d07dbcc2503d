"""Figures on the wire (REST API 6.6)."""

from datetime import datetime

import msgspec
from msgspec import UNSET, UnsetType

from segue.api.metric_periods import Period
from segue.domain.execution.model import ExecutionKind
from segue.ports.repositories.jobs import Metric


class MetricEntry(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """One figure; that of a timer is in milliseconds."""

    namespace: str
    flow_id: str
    task_id: str
    execution_id: str
    task_run_id: str
    type: str
    name: str
    value: float
    timestamp: datetime
    tags: dict[str, str]
    execution_kind: ExecutionKind | UnsetType = UNSET


class MetricAggregation(msgspec.Struct, frozen=True):
    """The figure of one period; ``date`` is its beginning."""

    name: str
    value: float
    date: datetime


class MetricAggregations(msgspec.Struct, frozen=True, rename="camel"):
    """Figures over time, the oldest first."""

    group_by: Period
    aggregations: list[MetricAggregation]


def wire_metric(metric: Metric, kind: ExecutionKind | None) -> MetricEntry:
    """A figure as clients read it."""
    return MetricEntry(
        namespace=metric.namespace,
        flow_id=metric.flow_id,
        task_id=metric.task_id,
        execution_id=metric.execution_id,
        task_run_id=metric.task_run_id,
        type=metric.type,
        name=metric.name,
        value=metric.value,
        timestamp=metric.at,
        tags=metric.tags,
        execution_kind=UNSET if kind is None else kind,
    )
