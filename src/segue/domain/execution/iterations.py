"""Ids of the executions of a Loop: they follow from the task run and the index (flow language 7.10)."""


def iteration_id(task_run_id: str, index: int) -> str:
    """The id of one iteration: the same loop gives the same ids, so that none is started twice."""
    return f"{task_run_id}-{index}"


def iteration_index(execution_id: str) -> int:
    """Which iteration has this id. Raises ``ValueError`` when it is no iteration's."""
    return int(execution_id.rpartition("-")[2])
