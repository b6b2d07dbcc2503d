"""The executor's part of flow triggers: how often they changed, and the states that executions entered."""

from collections.abc import Sequence

from segue.adapters.databases.sql import tables
from segue.adapters.databases.sql.codecs import encode, to_micros
from segue.adapters.databases.sql.statements import Insert, Statement, Transaction
from segue.ports.repositories.followers import Transition

FOLLOWER_EPOCH = Statement("followers.epoch", "SELECT epoch FROM follower_epoch WHERE id = 1")
"""How often flow triggers have changed; no row when there has never been one."""
_INSERT_TRANSITIONS = Insert(
    tables.transitions, ("id", "execution_id", "at", "owner", "claimed_until", "body"), "ON CONFLICT (id) DO NOTHING"
)


def write_transitions(transaction: Transaction, found: Sequence[Transition]) -> None:
    """Keep transitions for whoever looks at flow triggers."""
    rows = [(each.id, each.execution_id, to_micros(each.at), None, 0, encode(each)) for each in found]
    transaction.insert(_INSERT_TRANSITIONS, rows)
