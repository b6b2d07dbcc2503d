"""Conditions asked before an execution is created, wherever it comes from (flow language 2.10)."""

from collections.abc import Callable, Iterable

from segue.domain.flow.limits import Check, CheckBehavior
from segue.expr import is_truthy

_STRICTEST = (CheckBehavior.BLOCK_EXECUTION, CheckBehavior.FAIL_EXECUTION, CheckBehavior.CREATE_EXECUTION)


def failed_checks(checks: Iterable[Check], render: Callable[[str], str | None]) -> list[Check]:
    """The checks that do not hold, the strictest first. Raises what ``render`` raises."""
    failed = [check for check in checks if not is_truthy(render(check.when))]
    return sorted(failed, key=lambda check: _STRICTEST.index(check.behavior))


def strictest(failed: list[Check]) -> CheckBehavior | None:
    """What becomes of the execution when the checks ``failed_checks`` found did; None when there are none."""
    return failed[0].behavior if failed else None
