"""What a step has to know and the state does not hold: named here, loaded by the service, asked for again (design D1).

``advance`` does no I/O. Whatever lacks a value raises ``Needed``; the decision collects the needs of all that
waits, the service loads them in bulk, and the step goes on.
"""

from typing import NamedTuple

from segue.domain.needs import HttpNeed, Needed, ValueNeed

__all__ = [
    "ChildrenNeed",
    "ExecutionNeed",
    "FlowNeed",
    "Need",
    "Needed",
    "OutputsNeed",
    "SlotNeed",
    "ValueNeed",
]


class OutputsNeed(NamedTuple):
    """The outputs of a task run, of an execution, or values the engine keeps (see ``private_outputs``).

    ``uri`` names the object in internal storage when the owner is not a task run of this execution and its
    outputs are not in the database. They are found in ``ExecutionState.outputs`` under ``owner_id``.
    """

    owner_id: str
    uri: str | None = None


class FlowNeed(NamedTuple):
    """A flow of the execution's tenant: the revision, or the latest that is no draft for None.

    Found as a ``CompiledFlow``; a missing or unreadable one as the ``SegueError`` that says so.
    """

    namespace: str
    flow_id: str
    revision: int | None = None


class ChildrenNeed(NamedTuple):
    """The executions that an execution has started and that have not ended (found: a list of their ids)."""

    execution_id: str


class ExecutionNeed(NamedTuple):
    """Another execution, of whatever tenant (found: an ``Execution``, or None when there is none)."""

    execution_id: str


class LineCountNeed(NamedTuple):
    """How many values a file of internal storage has, one a line (found: an int, or the ``SegueError``)."""

    uri: str


class LinesNeed(NamedTuple):
    """The values that begin at byte ``offset`` of such a file (found: ``FileLines``, or the ``SegueError``)."""

    uri: str
    offset: int


class FileLines(NamedTuple):
    """Some values of a file, and where the next one begins."""

    values: list[str]
    next_offset: int


class RecordsNeed(NamedTuple):
    """The outputs of the iterations of a Loop, in the order of their indexes.

    ``started`` iterations of ``task_run_id`` were started, over the values kept with that task run or over those of
    the file ``values_uri``. Found: a list of records, or with ``target_uri`` the text of that URI once they are
    written there as Ion; or the ``SegueError``.
    """

    task_run_id: str
    started: int
    values_uri: str | None = None
    target_uri: str | None = None


class SlotNeed(NamedTuple):
    """A slot for this execution, where the latest revision of its flow limits how many run (found: ``SlotAnswer``).

    Asking takes the slot or the place in the queue, at once and for good: the answer is for the execution's id.
    ``is_forced``: take one above the limit.
    """

    is_forced: bool = False


class FailedChildrenNeed(NamedTuple):
    """Executions that an execution has started and that are FAILED (found: pairs of their id and the task run's)."""

    execution_id: str


Need = (
    OutputsNeed
    | FlowNeed
    | ChildrenNeed
    | FailedChildrenNeed
    | ExecutionNeed
    | LineCountNeed
    | LinesNeed
    | RecordsNeed
    | SlotNeed
    | ValueNeed
    | HttpNeed
)
