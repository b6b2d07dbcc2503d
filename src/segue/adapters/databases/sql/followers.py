"""Flow triggers as rows: who follows whom, which transitions are to be looked at, what has been met."""

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec

from segue.adapters.databases.sql import tables
from segue.adapters.databases.sql.changes import start_executions
from segue.adapters.databases.sql.codecs import encode, from_micros, storable, to_micros
from segue.adapters.databases.sql.lanes import Lanes
from segue.adapters.databases.sql.logs import INSERT_LOGS, log_rows
from segue.adapters.databases.sql.statements import Insert, Row, Statement, Transaction
from segue.domain.errors import ConflictError
from segue.domain.execution.model import FlowKey
from segue.domain.trigger.followers import Interest
from segue.domain.trigger.gathering import Gathered
from segue.ports.repositories.followers import FollowerNews, GatheringKey, Settlement, Transition

_NEWS = Statement(
    "followers.news",
    "SELECT tenant, namespace, flow_id, revision, epoch, body FROM followers WHERE epoch > :since ORDER BY epoch",
)
_OF_FLOW = Statement(
    "followers.of_flow",
    "SELECT revision, body FROM followers WHERE tenant = :tenant AND namespace = :namespace AND flow_id = :flow_id",
)
_NEXT_EPOCH = Statement(
    "followers.next_epoch",
    """INSERT INTO follower_epoch (id, epoch) VALUES (1, 1)
       ON CONFLICT (id) DO UPDATE SET epoch = follower_epoch.epoch + 1 RETURNING epoch""",
)
_KEEP = Insert(
    tables.followers,
    ("tenant", "namespace", "flow_id", "revision", "epoch", "body"),
    """ON CONFLICT (tenant, namespace, flow_id) DO UPDATE SET
       revision = excluded.revision, epoch = excluded.epoch, body = excluded.body""",
)
_CLAIM = Statement("transitions.claim")
_DONE = Statement("transitions.done", "DELETE FROM transitions WHERE id = EACH(:ids) AND owner = :owner RETURNING id")
_NEXT = Statement("transitions.next", "SELECT claimed_until, at FROM transitions ORDER BY claimed_until, at LIMIT 1")
_GATHERED = Statement(
    "gatherings.get",
    """SELECT tenant, namespace, flow_id, id, version, body FROM gatherings
       WHERE tenant = EACH(:tenants) AND namespace = EACH(:namespaces) AND flow_id = EACH(:flow_ids)
       AND id = EACH(:ids)""",
)
_CREATE = Insert(
    tables.gatherings,
    ("tenant", "namespace", "flow_id", "id", "version", "ends_at", "body"),
    "ON CONFLICT (tenant, namespace, flow_id, id) DO NOTHING",
)
_WHOSE = "tenant = :tenant AND namespace = :namespace AND flow_id = :flow_id AND id = :id AND version = :version"
_REPLACE = Statement(
    "gatherings.replace",
    f"""UPDATE gatherings SET version = version + 1, ends_at = :ends_at, body = :body WHERE {_WHOSE}
        RETURNING version""",  # noqa: S608  ours
)
_REMOVE = Statement("gatherings.remove", f"DELETE FROM gatherings WHERE {_WHOSE} RETURNING version")  # noqa: S608  ours
_PURGE = Statement("gatherings.purge", "DELETE FROM gatherings WHERE ends_at <= :now RETURNING id")
_decode_interests = msgspec.json.Decoder(tuple[Interest, ...]).decode
_decode_transition = msgspec.json.Decoder(Transition).decode
_decode_gathered = msgspec.json.Decoder(Gathered).decode


class SqlFollowers:
    """See ``FollowerRepository``."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes

    async def news(self, since: int) -> FollowerNews:
        """See ``FollowerRepository.news``."""
        rows = await self._lanes.read(lambda tx: tx.fetch(_NEWS, since=since))
        flows = {FlowKey(*row[:4]): _decode_interests(row[5]) for row in rows}
        return FollowerNews(max((row[4] for row in rows), default=since), flows)

    async def claim(self, owner: str, now: datetime, until: datetime, limit: int) -> list[Transition]:
        """See ``FollowerRepository.claim``."""
        values = {"owner": owner, "now": to_micros(now), "until": to_micros(until), "limit": limit}
        rows = await self._lanes.write(lambda tx: tx.fetch(_CLAIM, **values))
        return [_decode_transition(row[2]) for row in sorted(rows)]

    async def gathered(self, keys: Collection[GatheringKey]) -> dict[GatheringKey, Gathered]:
        """See ``FollowerRepository.gathered``."""
        if not keys:
            return {}
        parts = [sorted(set(column)) for column in zip(*keys, strict=True)]
        values = dict(zip(("tenants", "namespaces", "flow_ids", "ids"), parts, strict=True))
        rows = await self._lanes.read(lambda tx: tx.fetch(_GATHERED, **values))
        found = {GatheringKey(*row[:4]): _gathered(row) for row in rows}
        return {key: found[key] for key in keys if key in found}

    async def settle(self, owner: str, settlement: Settlement) -> bool:
        """See ``FollowerRepository.settle``."""

        def work(transaction: Transaction) -> None:
            ids = [each.id for each in settlement.transitions]
            if len(transaction.fetch(_DONE, ids=ids, owner=owner)) != len(ids):
                raise ConflictError("a transition is somebody else's")
            for key in sorted(settlement.gathered):
                _write_gathered(transaction, key, settlement.gathered[key], settlement.before.get(key, 0))
            start_executions(transaction, settlement.executions)
            transaction.insert(INSERT_LOGS, log_rows(settlement.logs))

        try:
            await self._lanes.write(work)
        except ConflictError:
            return False
        return True

    async def next_at(self) -> datetime | None:
        """See ``FollowerRepository.next_at``."""
        rows = await self._lanes.read(lambda tx: tx.fetch(_NEXT))
        return from_micros(max(rows[0])) if rows else None

    async def purge(self, now: datetime) -> int:
        """See ``FollowerRepository.purge``."""
        return len(await self._lanes.write(lambda tx: tx.fetch(_PURGE, now=to_micros(now))))


def _gathered(row: Row) -> Gathered:
    return msgspec.structs.replace(_decode_gathered(row[5]), version=row[4])


def _write_gathered(transaction: Transaction, key: GatheringKey, gathered: Gathered | None, version: int) -> None:
    """Write over exactly this version. Raises ``ConflictError`` when it is another by now."""
    names = key._asdict()
    if gathered is None:
        done = version == 0 or transaction.fetch(_REMOVE, version=version, **names)
    else:
        ends_at = to_micros(gathered.end)
        if version == 0:
            transaction.insert(_CREATE, [(*key, 0, ends_at, "{}")])
        done = transaction.fetch(_REPLACE, version=version, ends_at=ends_at, body=encode(gathered), **names)
    if not done:
        raise ConflictError(f"{key.id} has been met by others")


def register_followers(transaction: Transaction, flow: FlowKey, interests: Sequence[Interest]) -> None:
    """Put the flow triggers of this revision in place of those the flow had."""
    tenant, namespace, flow_id = (storable(name) for name in (flow.tenant, flow.namespace, flow.flow_id))
    rows = transaction.fetch(_OF_FLOW, tenant=tenant, namespace=namespace, flow_id=flow_id)
    before = _decode_interests(rows[0][1]) if rows else ()
    is_same_revision = not interests or (bool(rows) and rows[0][0] == flow.revision)
    if tuple(interests) == before and is_same_revision:
        return
    epoch = transaction.fetch(_NEXT_EPOCH)[0][0]
    body = encode(sorted(interests, key=lambda each: each.trigger_id))
    transaction.insert(_KEEP, [(tenant, namespace, flow_id, flow.revision, epoch, body)])
