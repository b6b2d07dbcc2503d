"""Stores what workers report: the batches of all of them that arrived meanwhile in one transaction."""

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from segue.domain.errors import UnavailableError
from segue.domain.execution.facts import TaskFinished
from segue.domain.execution.model import FlowKey
from segue.domain.execution.state import State
from segue.domain.trigger.evaluation import OutcomeKind
from segue.domain.trigger.state import TriggerKey
from segue.ports.batching import GroupCommit
from segue.ports.queue import Channel, Topic
from segue.ports.repositories.jobs import ClaimedJob, HeldOutcome, Report, Result
from segue.proto.generated import worker_pb2 as pb
from segue.services.controller import outcomes, translate
from segue.services.controller.config import ControllerConfig, ControllerPorts
from segue.services.controller.sessions import Session

logger = logging.getLogger(__name__)
RunId: TypeAlias = tuple[str, str, str, str]
"""Token, execution, task run and task."""
_PAUSES = (0.05, 0.1, 0.2, 0.5, 1.0)


class Reports:
    """One per controller."""

    def __init__(self, ports: ControllerPorts, config: ControllerConfig) -> None:
        self._ports = ports
        self._config = config
        self._commits: GroupCommit[Report, None] = GroupCommit(self._write, limit=100)

    async def take(self, session: Session, batch: pb.ReportBatch) -> None:
        """Store a batch and wake up who waits for it. Returns when it may be acknowledged.

        Waits as long as the database is away. What cannot be stored for what it holds is replaced by
        failures of its tasks, so that neither the worker nor the executions wait for ever. Raises
        ``UnavailableError`` when it could not even be read: the worker sends it again.
        """
        try:
            report = self._translate(session, batch)
        except UnavailableError:
            raise
        except Exception:
            logger.exception("report %d of worker %s cannot be read", batch.number, session.worker.id)
            report = self._failures(session, batch)
        await self._store(report)
        session.worker.drop(result.token for result in report.results)
        session.worker.drop(each.token for each in report.outcomes if each.outcome.kind is not OutcomeKind.EVENTS)

    async def refuse(self, session: Session, claimed: ClaimedJob, reason: str) -> None:
        """Fail a job that could not even be sent."""
        now, job = self._ports.clock.now(), claimed.job
        session.worker.drop([claimed.token])
        if job.trigger_uid is not None:
            outcome = outcomes.refused(job, reason, now)
            await self._store(Report(outcomes=[HeldOutcome(job.task_run_id, claimed.token, outcome)]))
            return
        fact = TaskFinished(
            task_run_id=job.task_run_id,
            attempt=job.attempt,
            worker_id=session.worker.id,
            state=State.FAILED,
            started_at=now,
            ended_at=now,
            message=reason,
        )
        await self._store(Report(results=[Result(job.execution_id, claimed.token, fact)]))

    async def _store(self, report: Report) -> None:
        try:
            await self._commits.submit(report)
        except Exception as error:
            logger.exception("a report cannot be stored; its results become failures")
            reason = f"The result of the task could not be stored: {type(error).__name__}"
            for each in report.outcomes:
                with contextlib.suppress(Exception):
                    await self._commits.submit(Report(outcomes=[outcomes.failure(each, reason)]))
            results = [translate.failure(result, reason) for result in report.results]
            for result in results:
                with contextlib.suppress(Exception):
                    await self._commits.submit(Report(results=[result]))

    async def _write(self, reports: Sequence[Report]) -> Sequence[None]:
        merged = reports[0] if len(reports) == 1 else _merge(reports)
        ids = await self._accept(merged)
        queue = self._ports.queue
        with contextlib.suppress(UnavailableError):
            await queue.publish(Topic.EXECUTIONS, ids)
        if merged.outcomes:
            await queue.broadcast(Channel.OUTCOMES, list({each.outcome.key.uid: None for each in merged.outcomes}))
        logged = list({line.execution_id: None for line in merged.logs if line.execution_id})
        if logged:
            await queue.broadcast(Channel.LOGS, logged)
        return [None] * len(reports)

    async def _accept(self, report: Report) -> list[str]:
        """Store a report, however long the database is away."""
        tries = 0
        while True:
            try:
                return await self._ports.jobs.accept(report)
            except UnavailableError as error:
                logger.warning("a report waits for the database: %s", error)
                await asyncio.sleep(_PAUSES[min(tries, len(_PAUSES) - 1)])
                tries += 1

    def _translate(self, session: Session, batch: pb.ReportBatch) -> Report:
        now, worker = self._ports.clock.now(), session.worker
        flows = self._flows(session, batch)
        evaluations = self._evaluations(session, batch)
        report = Report(
            logs=[
                outcomes.of_trigger(entry) if _id(line.run) in evaluations else entry
                for line in batch.logs
                if (flow := flows.get(_id(line.run))) and (entry := translate.log_entry(line, flow, now))
            ],
            metrics=[
                figure
                for one in batch.metrics
                if _id(one.run) not in evaluations
                and (flow := flows.get(_id(one.run)))
                and (figure := translate.metric(one, flow, now))
            ],
            started=[
                translate.started(one, worker.id, now)
                for one in batch.started
                if _id(one.run) in flows and _id(one.run) not in evaluations
            ],
            results=[
                translate.result(
                    one,
                    worker.held.get(one.run.token),
                    worker.id,
                    inline_limit=self._config.inline_output_bytes,
                    now=now,
                )
                for one in batch.results
                if _id(one.run) in flows and _id(one.run) not in evaluations
            ],
            inner=[
                translate.inner(one, held, worker.id, inline_limit=self._config.inline_output_bytes, now=now)
                for one in batch.inner
                if _id(one.run) in flows and (held := worker.held.get(one.run.token)) is not None
            ],
            insights=[
                shown
                for one in batch.insights
                if _id(one.run) not in evaluations
                and (flow := flows.get(_id(one.run)))
                and (shown := translate.insight(one, flow, now))
            ],
            outcomes=[
                *outcomes.of_events([each for each in batch.events if _id(each.run) in evaluations], evaluations, now),
                *(
                    outcomes.of_result(one, key, now)
                    for one in batch.results
                    if (key := evaluations.get(_id(one.run))) is not None
                ),
            ],
        )
        _warn_of_dropped(session, batch, report, len(evaluations))
        return report

    def _failures(self, session: Session, batch: pb.ReportBatch) -> Report:
        now, worker = self._ports.clock.now(), session.worker
        evaluations = self._evaluations(session, batch)
        known = [
            result for result in batch.results if result.run.token in worker.held and _id(result.run) not in evaluations
        ]
        ended = [
            outcomes.unreadable(result, evaluations[_id(result.run)], now)
            for result in batch.results
            if _id(result.run) in evaluations
        ]
        return Report(outcomes=ended, results=[translate.unreadable(result, worker.id, now) for result in known])

    @staticmethod
    def _flows(session: Session, batch: pb.ReportBatch) -> Mapping[RunId, FlowKey]:
        """The flows of the runs that are of jobs the worker holds, or has held until not long ago.

        What a worker says of anything else is not believed.
        """
        now = asyncio.get_running_loop().time()
        flows: dict[RunId, FlowKey] = {}
        for run in _runs(batch):
            id_ = _id(run)
            if id_ in flows:
                continue
            job = session.worker.known(run.token, now)
            if job is not None and translate.is_run(run) and job.task_of(run.task_run_id) == run.task_id:
                flows[id_] = job.flow
        return flows

    @staticmethod
    def _evaluations(session: Session, batch: pb.ReportBatch) -> Mapping[RunId, TriggerKey]:
        """Those of the runs that are evaluations of triggers which the worker holds, or has held."""
        now = asyncio.get_running_loop().time()
        found: dict[RunId, TriggerKey] = {}
        for run in _runs(batch):
            job = session.worker.known(run.token, now)
            if job is not None and job.trigger is not None and job.execution_id == run.execution_id:
                found[_id(run)] = job.trigger
        return found


def _id(run: pb.TaskRunKey) -> RunId:
    return run.token, run.execution_id, run.task_run_id, run.task_id


def _runs(batch: pb.ReportBatch) -> Iterable[pb.TaskRunKey]:
    for part in (batch.results, batch.started, batch.logs, batch.metrics, batch.inner, batch.insights, batch.events):
        for message in part:
            yield message.run


def _merge(reports: Sequence[Report]) -> Report:
    return Report(
        logs=[line for report in reports for line in report.logs],
        metrics=[metric for report in reports for metric in report.metrics],
        started=[fact for report in reports for fact in report.started],
        results=[result for report in reports for result in report.results],
        inner=[told for report in reports for told in report.inner],
        insights=[shown for report in reports for shown in report.insights],
        outcomes=[each for report in reports for each in report.outcomes],
    )


def _warn_of_dropped(session: Session, batch: pb.ReportBatch, report: Report, evaluations: int) -> None:
    if evaluations:
        return  # what they measure is not kept, and many events become one outcome
    sent = len(batch.logs) + len(batch.metrics) + len(batch.started) + len(batch.results) + len(batch.inner)
    kept = len(report.logs) + len(report.metrics) + len(report.started) + len(report.results) + len(report.inner)
    sent, kept = sent + len(batch.insights), kept + len(report.insights)
    if kept != sent:
        logger.warning(
            "worker %s: %d of %d parts of report %d were malformed or of no execution, and were dropped",
            session.worker.id,
            sent - kept,
            sent,
            batch.number,
        )
