"""Where secrets come from (expression language 8.4, server document 8.3)."""

from collections.abc import Sequence
from typing import Protocol

from segue.expr import SecretValue


class SecretStore(Protocol):
    """Secrets of namespaces, read only."""

    async def read(self, tenant: str, namespace: str, key: str) -> SecretValue | None:
        """The secret; None when there is none. Keys do not depend on case. Raises ``UnavailableError``."""
        ...

    async def keys(self, tenant: str, namespace: str) -> Sequence[str]:
        """The keys there are for a namespace, sorted."""
        ...


class NoSecrets:
    """No secret anywhere."""

    async def read(self, tenant: str, namespace: str, key: str) -> SecretValue | None:  # noqa: ARG002  the port's
        """See ``SecretStore.read``."""
        return None

    async def keys(self, tenant: str, namespace: str) -> Sequence[str]:  # noqa: ARG002  the port's
        """See ``SecretStore.keys``."""
        return ()
