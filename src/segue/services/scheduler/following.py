"""What transitions of executions lead to: rendering around the pure rules of flow triggers."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from segue.domain.errors import SegueError, UnavailableError
from segue.domain.execution.context import flow_roots
from segue.domain.execution.creation import NewExecution, create_execution
from segue.domain.execution.logs import LogEntry, LogLevel
from segue.domain.flow.compiled import CompiledFlow
from segue.domain.flow.triggers import FlowTrigger
from segue.domain.ids import derived_id
from segue.domain.labels import CORRELATION_ID
from segue.domain.trigger.conditions import ConditionError, Subject
from segue.domain.trigger.followers import Follower
from segue.domain.trigger.followers import Followers as Index
from segue.domain.trigger.gathering import (
    NOT_FOLLOWED,
    Followed,
    Gathered,
    Gathering,
    Met,
    follow,
    gatherings_of,
)
from segue.domain.trigger.starting import More, Start, start_of
from segue.domain.trigger.state import TriggerKey
from segue.domain.trigger.upstream import Question, Upstream, variables_of
from segue.expr import ExpressionError
from segue.expr.regex import matches_whole
from segue.ports.repositories.flow_expressions import Scene
from segue.ports.repositories.followers import GatheringKey, Settlement, Transition
from segue.services.scheduler.config import FollowerConfig, FollowerPorts
from segue.services.scheduler.turns import hidden, line_of
from segue.services.scheduler.upstreams import Upstreams, asks_for_task_outputs

logger = logging.getLogger(__name__)


@dataclass
class _Batch:
    """What a batch has come to so far. ``before`` holds what was read, ``gathered`` what is to be written."""

    now: datetime
    upstreams: Upstreams
    before: dict[GatheringKey, Gathered]
    gathered: dict[GatheringKey, Gathered | None] = field(default_factory=dict)
    executions: list[NewExecution] = field(default_factory=list)
    logs: list[LogEntry] = field(default_factory=list)

    def current(self, key: GatheringKey) -> Gathered | None:
        """What has been met, with what this batch adds."""
        return self.gathered[key] if key in self.gathered else self.before.get(key)


@dataclass(frozen=True)
class _Case:
    """One transition and one trigger that may be interested in it."""

    transition: Transition
    flow: CompiledFlow
    trigger: FlowTrigger
    gatherings: Sequence[Gathering]

    @property
    def trigger_key(self) -> TriggerKey:
        """Which trigger."""
        return TriggerKey(self.flow.tenant, self.flow.flow.namespace, self.flow.flow.id, self.trigger.id)

    def key(self, gathering_id: str) -> GatheringKey:
        """Where a gathering of the trigger is kept."""
        return GatheringKey(self.flow.tenant, self.flow.flow.namespace, self.flow.flow.id, gathering_id)


class Following:
    """Asks the flow triggers of all flows."""

    def __init__(self, ports: FollowerPorts, config: FollowerConfig) -> None:
        self._ports = ports
        self._config = config
        self._index = Index()

    async def settlement(self, transitions: Sequence[Transition], now: datetime) -> Settlement:
        """What these transitions lead to, in their order. Raises ``UnavailableError``."""
        await self._renew()
        cases = [case for each in transitions for case in await self._cases(each)]
        keys = {case.key(each.id) for case in cases for each in case.gatherings}
        batch = _Batch(
            now,
            await Upstreams.read(self._ports, {case.transition.execution_id for case in cases}),
            await self._ports.followers.gathered(keys),
        )
        for case in cases:
            await self._decide(batch, case)
        return Settlement(
            transitions=transitions,
            gathered=batch.gathered,
            before={key: batch.before[key].version for key in batch.gathered if key in batch.before},
            executions=batch.executions,
            logs=batch.logs,
        )

    async def _renew(self) -> None:
        news = await self._ports.followers.news(self._index.epoch)
        for flow, interests in news.flows.items():
            self._index.replace(flow, interests)
        self._index.epoch = news.epoch

    async def _cases(self, transition: Transition) -> list[_Case]:
        found = self._index.of(transition.flow, transition.state)
        return [case for each in found if (case := await self._case(transition, each)) is not None]

    async def _case(self, transition: Transition, follower: Follower) -> _Case | None:
        try:
            key = follower.flow
            flow = await self._ports.catalog.latest(key.tenant, key.namespace, key.flow_id, key.revision)
            trigger = next(
                each for each in flow.flow.triggers if isinstance(each, FlowTrigger) and each.id == follower.trigger_id
            )
            return _Case(transition, flow, trigger, gatherings_of(trigger))
        except UnavailableError:
            raise
        except Exception as error:  # one flow that cannot be read any more must not hold up the others
            logger.warning("flow trigger %s of %s cannot be read: %s", follower.trigger_id, follower.flow, error)
            return None

    async def _decide(self, batch: _Batch, case: _Case) -> None:
        """Ask one trigger. What cannot be answered is logged and counts as no (flow language 12.6)."""
        if batch.upstreams.execution(case.transition.execution_id) is None:
            return
        try:
            upstream = await batch.upstreams.of(case.transition, with_task_outputs=asks_for_task_outputs(case.trigger))
            followed, secrets = await self._ask(batch, case, upstream)
            for gathering_id, gathered in followed.changed.items():
                batch.gathered[case.key(gathering_id)] = gathered
            if followed.fires:
                await self._fire(batch, case, upstream, followed, secrets)
        except UnavailableError:
            raise
        except (SegueError, ExpressionError) as error:
            self._log(batch, case, LogLevel.WARN, f"the conditions cannot be answered: {error}")
        except Exception as error:  # a fault of ours in one trigger must not hold up the others
            logger.exception("flow trigger %s of %s failed", case.trigger.id, case.flow.flow.id)
            self._log(batch, case, LogLevel.ERROR, f"the trigger failed: {type(error).__name__}")

    async def _ask(self, batch: _Batch, case: _Case, upstream: Upstream) -> tuple[Followed, frozenset[str]]:
        owner = case.flow.flow
        flow = case.transition.flow
        happened = Met("", case.transition.execution_id, flow.namespace, flow.flow_id)
        before = {
            each.id: gathered for each in case.gatherings if (gathered := batch.current(case.key(each.id))) is not None
        }
        own_roots = flow_roots(case.flow, {})

        def work(scene: Scene) -> tuple[Followed, frozenset[str]]:
            def render(text: str, roots: Mapping[str, Any]) -> str | None:
                return scene.render(text, {**own_roots, **roots})

            def matches(pattern: str, text: str) -> bool:
                return matches_whole(text, pattern, self._ports.expressions.limits)

            question = Question(upstream, Subject(owner.namespace, owner.id), render, matches)
            try:
                if not question.may_fire(case.trigger):
                    return NOT_FOLLOWED, frozenset()
                followed = follow(case.gatherings, before, happened, question.meets, case.transition.at, UTC)
            except (SegueError, ExpressionError) as error:
                raise ConditionError(hidden(str(error), scene.values.secrets_seen)) from None
            return followed, frozenset(scene.values.secrets_seen)

        return await self._ports.expressions.evaluate(case.flow, work)

    async def _fire(
        self, batch: _Batch, case: _Case, upstream: Upstream, followed: Followed, secrets: frozenset[str]
    ) -> None:
        """Start the execution, unless triggers have started one another too often already."""
        limit = self._config.limits.trigger_chain
        if upstream.execution.chain >= limit:
            self._log(
                batch,
                case,
                LogLevel.ERROR,
                f"Nothing is started: flow triggers have started one another {limit} times in a row up to execution "
                f"{upstream.execution.id} ('limits.trigger-chain'). Do flows trigger each other in a circle?",
            )
            return
        variables = variables_of(upstream, await self._outputs(batch, followed.met, upstream))
        start, more_secrets = await self._start(case, upstream, variables)
        seen = secrets | more_secrets
        for warning in start.warnings:
            self._log(batch, case, LogLevel.WARN, hidden(warning, seen))
        if start.request is None:
            return
        if start.error is not None and _is_1x(case.trigger):
            self._log(batch, case, LogLevel.WARN, hidden(f"nothing is started: {start.error}", seen))
            return
        request = msgspec.structs.replace(start.request, chain=upstream.execution.chain + 1)
        execution_id = derived_id(case.transition.at, case.trigger_key.uid, case.transition.id)
        execution = create_execution(case.flow, request, execution_id, batch.now, self._config.limits)
        batch.executions.append(NewExecution(execution=execution))
        if start.error is not None:
            self._log(batch, case, LogLevel.ERROR, hidden(start.error, seen), execution_id)
        for gathering_id, gathered in followed.after.items():
            batch.gathered[case.key(gathering_id)] = gathered

    async def _start(
        self, case: _Case, upstream: Upstream, variables: Mapping[str, Any]
    ) -> tuple[Start, frozenset[str]]:
        labels = tuple(label for label in upstream.execution.labels if label.key == CORRELATION_ID)

        def work(scene: Scene) -> tuple[Start, frozenset[str]]:
            start = start_of(
                case.flow,
                case.trigger,
                scene,
                variables,
                more=More(labels=labels),
                encrypt=self._ports.encrypt,
                limits=self._config.limits,
            )
            return start, frozenset(scene.values.secrets_seen)

        return await self._ports.expressions.evaluate(case.flow, work)

    async def _outputs(
        self, batch: _Batch, met: Sequence[Met], upstream: Upstream
    ) -> list[tuple[str, str, Mapping[str, Any]]]:
        """The flow outputs of all executions that counted; those that are gone have none."""
        others = [item for item in met if item.execution_id != upstream.execution.id]
        read = await Upstreams.read(self._ports, [item.execution_id for item in others]) if others else batch.upstreams
        found: list[tuple[str, str, Mapping[str, Any]]] = []
        for item in others:
            execution = read.execution(item.execution_id)
            if execution is not None:
                found.append((item.namespace, item.flow_id, await read.outputs(execution)))
        flow = upstream.execution.flow
        return [*found, (flow.namespace, flow.flow_id, upstream.outputs)]

    def _log(self, batch: _Batch, case: _Case, level: LogLevel, message: str, execution_id: str | None = None) -> None:
        """A line of the trigger, and the same for the execution that it looked at."""
        upstream, key = case.transition, case.trigger_key
        place = f"{upstream.id}/{len(batch.logs)}"
        batch.logs.append(line_of(key, batch.now, level, message, place, execution_id))
        if execution_id is None:
            batch.logs.append(
                LogEntry(
                    id=derived_id(batch.now, key.uid, place, "upstream"),
                    tenant=upstream.flow.tenant,
                    namespace=upstream.flow.namespace,
                    flow_id=upstream.flow.flow_id,
                    execution_id=upstream.execution_id,
                    at=batch.now,
                    level=level,
                    message=f"Flow trigger '{key.trigger_id}' of {key.namespace}.{key.flow_id}: {message}",
                )
            )


def _is_1x(trigger: FlowTrigger) -> bool:
    """Whether the trigger is written in the form of 1.x, where inputs that cannot be rendered start nothing."""
    return bool(trigger.conditions) or trigger.preconditions is not None
