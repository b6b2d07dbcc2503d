"""The rows in which a Loop keeps its values and the marks of its iterations."""

CHUNK = 1000
"""Values, and marks of iterations, that are kept in one row."""


def row_owner(task_run_id: str, row: str) -> str:
    """The owner under which a row of a task run is kept."""
    return f"{task_run_id}#{row}"


def values_owner(task_run_id: str, number: int) -> str:
    """The owner of the ``number``-th row of values of a list or a map."""
    return row_owner(task_run_id, f"values-{number}")
