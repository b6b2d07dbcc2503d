"""Which tenants and URIs name a file: the same for every storage (server document 4)."""

from segue.domain.errors import IllegalPathError

PREFIX = "kestra:///"
"""How the URI of every file begins."""

_LONGEST_SEGMENT = 255


def segments_of(tenant: str, uri: str, *, folder: bool = False) -> list[str]:
    """The folders and the name behind the prefix of ``uri``; of a folder, none when it is the whole tenant.

    Raises ``IllegalPathError`` for what leads elsewhere, or cannot be a name.
    """
    if not uri.startswith(PREFIX):
        raise IllegalPathError(f"{uri[:200]!r} is not a file of the internal storage: {PREFIX}... is")
    path = uri[len(PREFIX) :]
    segments = path.removesuffix("/").split("/") if folder else path.split("/")
    if folder and segments == [""]:
        segments = []
    for segment in (tenant, *segments):
        _check(segment, uri)
    if tenant.startswith("."):
        raise IllegalPathError(f"{tenant!r} cannot be a tenant of the internal storage")
    return segments


def _check(segment: str, uri: str) -> None:
    illegal = any(char < " " or char in "/\\\x7f" for char in segment)
    try:
        length = len(segment.encode())
    except UnicodeEncodeError:
        illegal, length = True, 0
    if illegal or segment in {"", ".", ".."} or length > _LONGEST_SEGMENT:
        raise IllegalPathError(f"{uri[:200]!r} cannot be a path: {segment[:80]!r} is not the name of a file")
