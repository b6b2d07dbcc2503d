"""An executor that may be out of date, interrupted, or gone between any two writes."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import msgspec

from segue.domain.engine.advance import advance
from segue.domain.engine.decision import Decision
from segue.domain.engine.state import ExecutionState
from segue.domain.execution.facts import InboxFact
from segue.testing.simulation.database import Database

_CACHED = 3


@dataclass
class Pending:
    """A decision that was made and not written yet."""

    state: ExecutionState
    facts: Sequence[InboxFact]
    decision: Decision


class Node:
    """Decides in one moment and writes in another; between the two everything may happen to the rows."""

    def __init__(self, name: str, database: Database, skew: timedelta) -> None:
        self.name = name
        self.pending: list[Pending] = []
        self._database = database
        self._skew = skew
        self._cache: OrderedDict[str, ExecutionState] = OrderedDict()

    def decide(self, execution_ids: Sequence[str]) -> list[str]:
        """Read facts and states and make decisions; executions to wake up again, as theirs could not be made."""
        failed = []
        for execution_id in dict.fromkeys(execution_ids):
            facts = self._database.unread(execution_id)
            if not facts:
                continue
            if execution_id not in self._database.executions:
                for fact in facts:
                    del self._database.facts[fact.seq]
                continue
            cached = self._cache.pop(execution_id, None)
            state = cached or self._database.state(execution_id)
            try:
                decision = self._advance(state, facts)
            except Exception:
                if state.execution.version == self._database.executions[execution_id].version:
                    raise
                failed.append(execution_id)  # it was out of date: what it asked for is gone, or newer than itself
                continue
            self.pending.append(Pending(state, facts, decision))
        return failed

    def _advance(self, state: ExecutionState, facts: Sequence[InboxFact]) -> Decision:
        database = self._database
        now = database.now - self._skew
        decision = advance(state, [fact.fact for fact in facts], now, database.renderer, limits=database.limits)
        while decision.needs:
            for need in sorted(decision.needs, key=repr):
                database.load(state, need)
            decision = advance(state, (), now, database.renderer, decision, database.limits)
        return decision

    def write(self) -> list[str]:
        """Write what was decided; the executions that somebody else moved meanwhile."""
        losers = []
        for pending in self.pending:
            state = pending.state
            if not self._database.write_decision(state, pending.decision, pending.facts):
                losers.append(state.execution.id)
                continue
            version = state.execution.version + 1
            state.execution = msgspec.structs.replace(state.execution, version=version)
            state.found.clear()
            if not state.execution.is_finished:
                self._cache[state.execution.id] = state
            while len(self._cache) > _CACHED:
                self._cache.popitem(last=False)
        self.pending = []
        return losers

    def crash(self) -> None:
        """Forget everything that is not written."""
        self.pending = []
        self._cache.clear()
