"""Triggers that workers evaluate: sent when they are due, settled when something came of them (flow language 12.8)."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from segue.domain.errors import DefinitionError, NotFoundError
from segue.domain.execution.context import flow_roots
from segue.domain.execution.jobs import DEFAULT_WORKER_QUEUE, POLLING_SUFFIX, REALTIME_SUFFIX, Job
from segue.domain.execution.model import FlowKey
from segue.domain.flow.compiled import CompiledFlow
from segue.domain.flow.fields import is_expression
from segue.domain.flow.triggers import Trigger
from segue.domain.trigger.conditions import ConditionError, Subject, holds
from segue.domain.trigger.evaluation import Fired, Outcome, evaluation_id, passed_over, sent, settle
from segue.domain.trigger.schedule import has_conditions
from segue.domain.trigger.starting import start_of
from segue.domain.trigger.state import TriggerKind, TriggerState
from segue.expr import ExpressionError, is_truthy
from segue.ports.repositories.flow_expressions import Scene
from segue.ports.repositories.triggers import TriggerTurn
from segue.services.scheduler.config import TriggerConfig, TriggerPorts
from segue.services.scheduler.turns import Begun, locked, turn_of

logger = logging.getLogger(__name__)
_encode = msgspec.json.Encoder(enc_hook=str).encode


class WorkerTriggers:
    """Decides for one trigger at a time."""

    def __init__(self, ports: TriggerPorts, config: TriggerConfig) -> None:
        self._ports = ports
        self._config = config

    async def send(self, state: TriggerState, now: datetime) -> TriggerTurn:
        """A trigger that is due goes to a worker if its conditions hold.

        A flow that cannot be read any more is looked at again later; conditions that cannot be answered start a
        FAILED execution, and a stream of such a trigger waits as a poll does.
        """
        found = await self._definition(state)
        if found is None:
            later = now + timedelta(seconds=self._config.broken_pause)
            return TriggerTurn(state=msgspec.structs.replace(state, pending_at=later))
        flow, trigger = found
        evaluation = evaluation_id(state, now)
        if has_conditions(trigger):
            try:
                is_wanted = await self._ports.expressions.evaluate(flow, lambda scene: _holds(scene, flow, trigger))
            except (ConditionError, ExpressionError) as error:
                reason = f"the conditions of trigger {trigger.id} cannot be answered: {error}"
                fired = [Fired(evaluation, {}, reason)]
                return await self._start(flow, trigger, passed_over(state, now), fired, now)
            if not is_wanted:
                return TriggerTurn(state=passed_over(state, now))
        job = _job(state, trigger, flow, evaluation, now)
        return TriggerTurn(state=sent(state, evaluation, now), jobs=[job])

    async def settle(self, state: TriggerState, outcomes: Sequence[Outcome], now: datetime) -> TriggerTurn:
        """What came of evaluations: the executions it starts, and when to look again.

        Outcomes of a trigger whose flow cannot be read any more are given up.
        """
        ids = [outcome.id for outcome in outcomes]
        found = await self._definition(state)
        if found is None:
            over = settle(state, outcomes, now)
            return TriggerTurn(state=over.state, outcomes=ids)
        flow, trigger = found
        settled = settle(state, outcomes, now, fails=trigger.fail_on_trigger_error)
        turn = await self._start(flow, trigger, settled.state, settled.fired, now)
        return msgspec.structs.replace(turn, outcomes=ids)

    async def _definition(self, state: TriggerState) -> tuple[CompiledFlow, Trigger] | None:
        key = state.key
        try:
            flow = await self._ports.catalog.latest(key.tenant, key.namespace, key.flow_id, state.revision)
            return flow, next(each for each in flow.flow.triggers if each.id == key.trigger_id)
        except (NotFoundError, DefinitionError, StopIteration) as error:
            logger.warning("trigger %s rests, its flow cannot be read: %s", key.uid, error)
            return None

    async def _start(
        self, flow: CompiledFlow, trigger: Trigger, state: TriggerState, fired: Sequence[Fired], now: datetime
    ) -> TriggerTurn:
        if not fired:
            return TriggerTurn(state=state)

        def work(scene: Scene) -> tuple[list[Begun], frozenset[str]]:
            begun = [Begun(each.execution_id, self._start_of(scene, flow, trigger, each)) for each in fired]
            return begun, frozenset(scene.values.secrets_seen)

        begun, secrets = await self._ports.expressions.evaluate(flow, work)
        turn = turn_of(state, flow, begun, now, secrets=secrets, limits=self._config.limits)
        waits = state.kind is TriggerKind.POLLING and not trigger.allow_concurrent
        return locked(turn) if waits else turn

    def _start_of(self, scene: Scene, flow: CompiledFlow, trigger: Trigger, fired: Fired) -> Any:
        return start_of(
            flow,
            trigger,
            scene,
            fired.variables,
            encrypt=self._ports.encrypt,
            limits=self._config.limits,
            error=fired.error,
        )


def _holds(scene: Scene, flow: CompiledFlow, trigger: Trigger) -> bool:
    context = _roots(flow, trigger)

    def render(template: str, more: Mapping[str, Any]) -> str | None:
        return scene.render(template, {**context, **more}) if is_expression(template) else template

    return holds(trigger, render, Subject(flow.flow.namespace, flow.flow.id), is_truthy)


def _roots(flow: CompiledFlow, trigger: Trigger) -> dict[str, Any]:
    return flow_roots(flow, {}) | {"trigger": {"id": trigger.id, "type": trigger.type}}


def _job(state: TriggerState, trigger: Trigger, flow: CompiledFlow, evaluation: str, now: datetime) -> Job:
    is_stream = state.kind is TriggerKind.REALTIME
    roots = _roots(flow, trigger)
    for known in ("vars", "namespace"):  # workers have them with the flow
        roots.pop(known, None)
    return Job(
        task_run_id=f"{evaluation}-0",
        execution_id=evaluation,
        flow=FlowKey(*flow.key, flow.settings.pin),
        task_id=trigger.id,
        attempt=1,
        created_at=now,
        worker_queue=DEFAULT_WORKER_QUEUE + (REALTIME_SUFFIX if is_stream else POLLING_SUFFIX),
        context=_encode(roots),
        trigger_uid=state.key.uid,
        is_stream=is_stream,
        memory=state.memory,
    )
