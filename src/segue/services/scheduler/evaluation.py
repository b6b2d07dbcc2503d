"""From a trigger that is due to what is written for it: rendering around the pure ``segue.domain.trigger``."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec

from segue.domain.errors import DefinitionError, NotFoundError
from segue.domain.execution.context import flow_roots
from segue.domain.execution.logs import LogLevel
from segue.domain.flow.compiled import CompiledFlow
from segue.domain.flow.fields import is_expression
from segue.domain.flow.triggers import Trigger
from segue.domain.trigger.conditions import ConditionError, Subject, holds
from segue.domain.trigger.dates import Dates, ScheduleError, dates_of, is_static, zoned_text
from segue.domain.trigger.schedule import Firing, Turn, has_conditions, rules_of, take_turn
from segue.domain.trigger.starting import NOTHING_MORE, More, Start, start_of
from segue.domain.trigger.state import TriggerState
from segue.expr import ExpressionError, is_truthy
from segue.ports.repositories.flow_expressions import Scene
from segue.ports.repositories.triggers import TriggerTurn
from segue.services.scheduler.config import TriggerConfig, TriggerPorts
from segue.services.scheduler.turns import Begun, hidden, line_of, locked, turn_of

logger = logging.getLogger(__name__)

_EXTRAS = "scheduler.dates"


@dataclass
class _Outcome:
    """What one rendering came to; made anew when it is repeated."""

    turn: Turn
    dates: Dates
    starts: list[tuple[Firing, Start]] = field(default_factory=list)
    secrets: frozenset[str] = frozenset()


class Evaluation:
    """Looks at schedules, one at a time."""

    def __init__(self, ports: TriggerPorts, config: TriggerConfig) -> None:
        self._ports = ports
        self._config = config

    async def evaluate(self, state: TriggerState, now: datetime) -> TriggerTurn:
        """What is to be written for a trigger that was claimed.

        A flow that cannot be read any more, and dates that cannot be told, are logged and looked at again later.
        """
        try:
            key = state.key
            flow = await self._ports.catalog.latest(key.tenant, key.namespace, key.flow_id, state.revision)
            trigger = next(each for each in flow.flow.triggers if each.id == state.key.trigger_id)
        except (NotFoundError, DefinitionError, StopIteration) as error:
            logger.warning("trigger %s rests, its flow cannot be read: %s", state.key.uid, error)
            return self.postponed(state, now)

        def look(scene: Scene) -> _Outcome:
            try:
                return self._look(scene, flow, trigger, state, now)
            except (ScheduleError, ExpressionError) as error:
                raise ScheduleError(hidden(str(error), scene.values.secrets_seen)) from None

        try:
            outcome = await self._ports.expressions.evaluate(flow, look)
        except ScheduleError as error:
            resting = msgspec.structs.replace(state, pending_at=None, next_at=None, evaluated_at=now)
            return TriggerTurn(state=resting, logs=[line_of(state.key, now, LogLevel.WARN, str(error), 0)])
        return self._turn(outcome, flow, trigger, now)

    def postponed(self, state: TriggerState, now: datetime) -> TriggerTurn:
        """A trigger that cannot be evaluated just now is looked at again later; its dates are not missed by that."""
        later = now + timedelta(seconds=self._config.broken_pause)
        return TriggerTurn(state=msgspec.structs.replace(state, pending_at=later, free_at=later))

    def _look(self, scene: Scene, flow: CompiledFlow, trigger: Trigger, state: TriggerState, now: datetime) -> _Outcome:
        dates = _dates(scene, flow, trigger)
        conditions = _Conditions(scene, flow, trigger, dates)
        turn = take_turn(dates, rules_of(trigger), state, now, conditions.test)
        outcome = _Outcome(turn, dates)
        for firing in turn.firings:
            start = start_of(
                flow,
                trigger,
                scene,
                variables_of(firing, dates),
                more=_more(firing),
                encrypt=self._ports.encrypt,
                limits=self._config.limits,
                error=firing.error,
            )
            outcome.starts.append((firing, start))
        outcome.secrets = frozenset(scene.values.secrets_seen)
        return outcome

    def _turn(self, outcome: _Outcome, flow: CompiledFlow, trigger: Trigger, now: datetime) -> TriggerTurn:
        """The rows of an outcome: executions, log lines without secrets, and the trigger locked by its execution."""
        begun = [Begun(firing.execution_id, start, firing.date) for firing, start in outcome.starts]
        turn = turn_of(outcome.turn.state, flow, begun, now, secrets=outcome.secrets, limits=self._config.limits)
        return turn if trigger.allow_concurrent else locked(turn)


def _dates(scene: Scene, flow: CompiledFlow, trigger: Trigger) -> Dates:
    """The dates of the trigger, read once per revision when nothing in them is rendered."""
    known: dict[str, Dates] = flow.extras.setdefault(_EXTRAS, {})
    dates = known.get(trigger.id)
    if dates is None:
        roots = flow_roots(flow, {})
        dates = dates_of(trigger, lambda text: scene.render_typed(text, roots))
        if is_static(trigger):
            known[trigger.id] = dates
    return dates


class _Conditions:
    """Answers for dates of one trigger, each asked for once."""

    def __init__(self, scene: Scene, flow: CompiledFlow, trigger: Trigger, dates: Dates) -> None:
        self._scene = scene
        self._flow = flow
        self._trigger = trigger
        self._dates = dates
        self._subject = Subject(flow.flow.namespace, flow.flow.id)
        self._answers: dict[datetime, bool | str] = {}
        text = trigger.model_dump_json(include={"when", "conditions"})
        self._looks_around = "next" in text or "previous" in text

    def test(self, date: datetime) -> bool | str:
        """Whether the conditions hold for a date; a text says why that cannot be told."""
        if not has_conditions(self._trigger):
            return True
        answer = self._answers.get(date)
        if answer is None:
            answer = self._answers[date] = self._ask(date)
        return answer

    def _ask(self, date: datetime) -> bool | str:
        text = zoned_text(date, self._dates.zone)
        variables: dict[str, Any] = {
            "id": self._trigger.id,
            "type": self._trigger.type,
            "date": text,
            "timestamp": text,
        }
        if self._looks_around:
            around = {"next": self._dates.after(date), "previous": self._dates.before(date)}
            variables |= {name: zoned_text(at, self._dates.zone) for name, at in around.items() if at is not None}
        context = flow_roots(self._flow, {}) | {"trigger": variables, "schedule": variables}

        def render(template: str, more: Mapping[str, Any]) -> str | None:
            if not is_expression(template):
                return template
            return self._scene.render(template, {**context, **more})

        try:
            return holds(self._trigger, render, self._subject, is_truthy)
        except (ConditionError, ExpressionError) as error:
            return f"the conditions of trigger {self._trigger.id} cannot be answered: {error}"


def variables_of(firing: Firing, dates: Dates) -> dict[str, Any]:
    """The trigger variables of a date (flow language 12.3), on the clocks of the trigger."""
    found = {"date": firing.date, "next": firing.next_at, "previous": firing.previous_at}
    return {name: zoned_text(at, dates.zone) for name, at in found.items() if at is not None}


def _more(firing: Firing) -> More:
    backfill = firing.backfill
    return NOTHING_MORE if backfill is None else More(backfill.inputs, backfill.labels)
