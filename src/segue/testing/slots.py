"""Slots and the queues for them, in dictionaries: what ``Rows`` keeps them in."""

from dataclasses import dataclass, field
from datetime import datetime

from segue.domain.execution.slots import SlotRequest
from segue.ports.repositories.slots import Taken


@dataclass
class SlotRows:
    """The rules of ``SlotRepository``: ``held`` and ``waiting`` are dates of creation by execution id, by scope."""

    limits: dict[str, tuple[int, int | None]] = field(default_factory=dict)
    held: dict[str, dict[str, datetime]] = field(default_factory=dict)
    waiting: dict[str, dict[str, datetime]] = field(default_factory=dict)

    def take(self, request: SlotRequest, version: int | None) -> Taken:
        """See ``SlotRepository.take``; ``version`` is that of the row, None when there is none."""
        if request.version != version:
            return Taken(held=False, waits=True)
        scope, owner = request.scope, request.execution_id
        self._set_limit(scope, request.revision, request.limit)
        held, waiting = self.held.setdefault(scope, {}), self.waiting.setdefault(scope, {})
        if owner not in held and request.is_forced:
            held[owner] = waiting.pop(owner, request.created_at)
        elif owner not in held and request.queues:
            waiting.setdefault(owner, request.created_at)
        woken = [each for each in self._hand_over(scope) if each != owner]
        if owner not in held and owner not in waiting and self._free(scope):
            held[owner] = request.created_at
        return Taken(owner in held, owner in waiting, woken)

    def change_limit(self, scope: str, revision: int, limit: int | None) -> list[str]:
        """See ``SlotRepository.change_limit``."""
        if scope not in self.limits:
            return []
        self._set_limit(scope, revision, limit)
        return self._hand_over(scope)

    def release(self, execution_id: str) -> list[str]:
        """Remove what an execution holds and waits for; the ids of those who get it."""
        rows = [*self.held.items(), *self.waiting.items()]
        scopes = list(dict.fromkeys(scope for scope, owners in rows if owners.pop(execution_id, None) is not None))
        return [each for scope in scopes for each in self._hand_over(scope)]

    def _set_limit(self, scope: str, revision: int, limit: int | None) -> None:
        if revision >= self.limits.get(scope, (0, None))[0]:
            self.limits[scope] = (revision, limit)

    def _free(self, scope: str) -> int:
        limit = self.limits.get(scope, (0, None))[1]
        return len(self.waiting.get(scope, {})) + 1 if limit is None else max(0, limit - len(self.held.get(scope, {})))

    def _hand_over(self, scope: str) -> list[str]:
        waiting = self.waiting.get(scope, {})
        happy = sorted(waiting, key=lambda each: (waiting[each], each))[: self._free(scope)]
        for each in happy:
            self.held.setdefault(scope, {})[each] = waiting.pop(each)
        return happy
