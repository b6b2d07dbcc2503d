"""Tasks that remove executions, their logs and their files (core plugins 3, 4 and 8).

Each removes a slice at a time, so that it can be killed and holds no lock for long; what is removed stays removed.
"""

from typing import ClassVar

import msgspec

from segue.domain.execution.logs import LogLevel
from segue.domain.platform.executions import LARGEST_SLICE
from segue.domain.platform.executions import PurgeExecutions as Call
from segue.domain.platform.logs import PurgeLogs as LogsCall
from segue.domain.platform.storage import PurgeOwnFiles
from segue.domain.platform.storage import PurgeStorage as StorageCall
from segue.sdk import Example, Moment, Output, Property, RunContext, State, Task, TaskFailed


class PurgeExecutionsOutput(Output):
    """How much was removed: executions, log lines, metrics, outputs of tasks, and files."""

    executions_count: int
    logs_count: int
    metrics_count: int
    storages_count: int
    task_outputs_count: int


class PurgeExecutions(Task):
    """Removes executions that began before a date, with their logs, metrics, outputs and files.

    Executions that still run are removed as well unless `states` leaves them out; what their workers report later is
    refused. The execution of the task itself stays, and so do those it was called by.
    """

    type: ClassVar[str] = "io.kestra.plugin.core.execution.PurgeExecutions"
    aliases: ClassVar[frozenset[str]] = frozenset(
        {"io.kestra.core.tasks.storages.Purge", "io.kestra.plugin.core.storage.Purge"}
    )

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Keep a month of what has succeeded",
            "id: purge\ntype: io.kestra.plugin.core.execution.PurgeExecutions\nnamespace: company.team\n"
            "states:\n  - SUCCESS\nendDate: \"{{ now() | dateAdd(-1, 'MONTHS') }}\"",
        ),
    )

    namespace: Property[str] | None = None
    """The namespace with those below it, exactly this one together with `flowId`; without it all."""
    flow_id: Property[str] | None = None
    """Only executions of the flow with this id."""
    start_date: Property[Moment] | None = None
    """Only executions that began at this moment or later."""
    end_date: Property[Moment]
    """Only executions that began at this moment or before."""
    states: Property[list[State]] | None = None
    """Only executions in these states; without them all, running ones too."""
    purge_execution: Property[bool] = Property.of(True)
    """Whether the executions themselves are removed."""
    purge_log: Property[bool] = Property.of(True)
    """Whether their log lines are removed."""
    purge_metric: Property[bool] = Property.of(True)
    """Whether their metrics are removed."""
    purge_storage: Property[bool] = Property.of(True)
    """Whether their files are removed."""
    batch_size: Property[int] = Property.of(100)
    """How many executions are removed at a time, 500 at most."""

    async def run(self, context: RunContext) -> PurgeExecutionsOutput:
        """Purge slice by slice. Raises ``SegueError`` when the namespaces are not open to the flow."""
        ended = await context.render(self.end_date)
        if ended is None:
            raise TaskFailed("`endDate` is empty")
        limit = await context.render(self.batch_size) or 0
        if not 1 <= limit <= LARGEST_SLICE:
            raise TaskFailed(f"`batchSize` must be 1 to {LARGEST_SLICE}")
        call = Call(
            namespace=await _text(context, self.namespace),
            flow_id=await _text(context, self.flow_id),
            states=tuple((None if self.states is None else await context.render(self.states)) or ()),
            started_after=None if self.start_date is None else await context.render(self.start_date),
            started_before=ended,
            rows=await context.render(self.purge_execution) is not False,
            logs=await context.render(self.purge_log) is not False,
            metrics=await context.render(self.purge_metric) is not False,
            files=await context.render(self.purge_storage) is not False,
            limit=limit,
        )
        counts = [0, 0, 0, 0, 0]
        after: str | None = ""
        while after is not None:
            done = await context.platform.ask(msgspec.structs.replace(call, after=after))
            slice_counts = (done.executions, done.logs, done.metrics, done.files, done.outputs)
            counts = [total + count for total, count in zip(counts, slice_counts, strict=True)]
            after = done.after
            context.logger.debug("%d executions purged so far", counts[0])
        context.logger.info("%d executions purged", counts[0])
        executions, logs, metrics, files, outputs = counts
        return PurgeExecutionsOutput(
            executions_count=executions,
            logs_count=logs,
            metrics_count=metrics,
            storages_count=files,
            task_outputs_count=outputs,
        )


class PurgeLogsOutput(Output):
    """``count`` lines were removed: of executions, and others, such as those of triggers."""

    count: int
    execution_logs_count: int
    non_execution_logs_count: int


class PurgeLogs(Task):
    """Removes log lines written before a date."""

    type: ClassVar[str] = "io.kestra.plugin.core.log.PurgeLogs"

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Forget what was for debugging after a week",
            "id: purge\ntype: io.kestra.plugin.core.log.PurgeLogs\nlogLevels:\n  - TRACE\n  - DEBUG\n"
            "endDate: \"{{ now() | dateAdd(-7, 'DAYS') }}\"",
        ),
    )

    namespace: Property[str] | None = None
    """The namespace with those below it, exactly this one together with `flowId`; without it all."""
    flow_id: Property[str] | None = None
    """Only lines of the flow with this id."""
    execution_id: Property[str] | None = None
    """Only lines of this execution."""
    log_levels: Property[list[LogLevel]] | None = None
    """Only lines of these levels; without them all."""
    start_date: Property[Moment] | None = None
    """Only lines written at this moment or later."""
    end_date: Property[Moment]
    """Only lines written at this moment or before."""
    purge_execution_logs: Property[bool] = Property.of(True)
    """Whether lines of executions are removed."""
    purge_non_execution_logs: Property[bool] = Property.of(True)
    """Whether the other lines are removed, such as those of triggers."""
    batch_size: Property[int] | None = None
    """Kept for flows that have it: lines go in slices of a size of our own."""

    async def run(self, context: RunContext) -> PurgeLogsOutput:
        """Purge slice by slice. Raises ``SegueError`` when the namespaces are not open to the flow."""
        ended = await context.render(self.end_date)
        if ended is None:
            raise TaskFailed("`endDate` is empty")
        call = LogsCall(
            namespace=await _text(context, self.namespace),
            flow_id=await _text(context, self.flow_id),
            execution_id=await _text(context, self.execution_id),
            levels=tuple((None if self.log_levels is None else await context.render(self.log_levels)) or ()),
            after=None if self.start_date is None else await context.render(self.start_date),
            before=ended,
        )
        chosen = {
            True: await context.render(self.purge_execution_logs) is not False,
            False: await context.render(self.purge_non_execution_logs) is not False and not call.execution_id,
        }
        counts = {True: 0, False: 0}
        for of_executions, is_wanted in chosen.items():
            has_more = is_wanted
            while has_more:
                done = await context.platform.ask(msgspec.structs.replace(call, of_executions=of_executions))
                counts[of_executions] += done.count
                has_more = done.has_more
        total = sum(counts.values())
        context.logger.info("%d log lines purged", total)
        return PurgeLogsOutput(count=total, execution_logs_count=counts[True], non_execution_logs_count=counts[False])


class PurgeFilesOutput(Output):
    """``uris`` of the files that were removed."""

    uris: list[str]


class PurgeCurrentExecutionFiles(Task):
    """Removes all files that this execution has stored so far."""

    type: ClassVar[str] = "io.kestra.plugin.core.storage.PurgeCurrentExecutionFiles"
    aliases: ClassVar[frozenset[str]] = frozenset(
        {"io.kestra.core.tasks.storages.PurgeExecution", "io.kestra.plugin.core.storage.PurgeExecution"}
    )

    examples: ClassVar[tuple[Example, ...]] = (
        Example("Leave no files behind", "id: clean\ntype: io.kestra.plugin.core.storage.PurgeCurrentExecutionFiles"),
    )

    async def run(self, context: RunContext) -> PurgeFilesOutput:
        """Remove, slice by slice."""
        uris: list[str] = []
        after: str | None = ""
        while after is not None:
            done = await context.platform.ask(PurgeOwnFiles(after=after))
            uris += done.uris
            after = done.after
        return PurgeFilesOutput(uris=uris)


class PurgeStorageOutput(Output):
    """Files that were looked at, that match, and that were removed (none in a dry run)."""

    scanned_count: int
    purged_count: int
    deleted_files_count: int


class PurgeStorage(Task):
    """Removes files of executions by the date they were written, also of executions and flows that are gone."""

    type: ClassVar[str] = "io.kestra.plugin.core.storage.PurgeStorage"

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "See how many files are older than a year",
            "id: purge\ntype: io.kestra.plugin.core.storage.PurgeStorage\nnamespace: company.team\n"
            "endDate: \"{{ now() | dateAdd(-1, 'YEARS') }}\"\ndryRun: true",
        ),
    )

    namespace: Property[str] | None = None
    """The namespace with those below it, exactly this one together with `flowId`; without it all."""
    flow_id: Property[str] | None = None
    """Only files of the flow with this id; needs `namespace`."""
    start_date: Property[Moment] | None = None
    """Only files written at this moment or later."""
    end_date: Property[Moment]
    """Only files written at this moment or before."""
    dry_run: Property[bool] = Property.of(True)
    """`true` counts and removes nothing."""

    async def run(self, context: RunContext) -> PurgeStorageOutput:
        """Purge slice by slice.

        Raises ``TaskFailed`` for `flowId` alone, ``SegueError`` when the namespaces are not open to the flow.
        """
        namespace, flow_id = await _text(context, self.namespace), await _text(context, self.flow_id)
        if flow_id and not namespace:
            raise TaskFailed("'namespace' is required when 'flowId' is set.")
        ended = await context.render(self.end_date)
        if ended is None:
            raise TaskFailed("`endDate` is empty")
        started = None if self.start_date is None else await context.render(self.start_date)
        is_dry_run = await context.render(self.dry_run) is not False
        scanned, matched, deleted = 0, 0, 0
        after: str | None = ""
        while after is not None:
            done = await context.platform.ask(
                StorageCall(
                    namespace=namespace,
                    flow_id=flow_id,
                    modified_after=started,
                    modified_before=ended,
                    is_dry_run=is_dry_run,
                    after=after,
                )
            )
            scanned, matched, deleted = scanned + done.scanned, matched + done.matched, deleted + done.deleted
            after = done.after
        for name, value in (("scanned", scanned), ("purged", matched), ("deleted.files", deleted)):
            context.metrics.counter(name, value)
        return PurgeStorageOutput(scanned_count=scanned, purged_count=matched, deleted_files_count=deleted)


async def _text(context: RunContext, value: Property[str] | None) -> str:
    return "" if value is None else (await context.render(value) or "").strip()
