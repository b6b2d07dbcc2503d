"""Namespaces: their order from a namespace up to its root, and who may use what of another (server document 8)."""

from __future__ import annotations

import re
from enum import StrEnum

from segue.domain.errors import SegueError

_NAMESPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_LONGEST = 150


class NamespaceAccess(StrEnum):
    """Which namespaces a flow may take secrets, KV values and namespace files from.

    ``ALL``: any of its tenant, as the open edition of the original. ``HIERARCHY``: its own, those above and
    those below. ``ANCESTORS``: its own and those above, from which it inherits.
    """

    ALL = "all"
    HIERARCHY = "hierarchy"
    ANCESTORS = "ancestors"

    def allows(self, user: str, owner: str) -> bool:
        """Whether a flow of the namespace ``user`` may use what belongs to ``owner``."""
        if self is NamespaceAccess.ALL or user == owner or user.startswith(f"{owner}."):
            return True
        return self is NamespaceAccess.HIERARCHY and owner.startswith(f"{user}.")

    def allows_tree(self, user: str, root: str) -> bool:
        """The same for everything in ``root`` and below it; an empty ``root`` stands for all namespaces."""
        if self is NamespaceAccess.ALL:
            return True
        return self is NamespaceAccess.HIERARCHY and f"{root}.".startswith(f"{user}.")


def lineage(namespace: str) -> list[str]:
    """The namespace, then its ancestors up to the first segment."""
    parts = namespace.split(".")
    return [".".join(parts[:size]) for size in range(len(parts), 0, -1)]


def check_namespace(namespace: str) -> str:
    """Return ``namespace`` if it may be one; raise ``SegueError`` otherwise (flow language 2.2)."""
    legal = _NAMESPACE.fullmatch(namespace) and ".." not in namespace and not namespace.endswith(".")
    if not legal or len(namespace) > _LONGEST:
        raise SegueError(f"Illegal namespace '{namespace[:_LONGEST]}': letters, digits, '.', '_' and '-' are allowed")
    return namespace
