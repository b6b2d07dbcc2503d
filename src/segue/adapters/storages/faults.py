"""What the client of object storages says when something fails, without what nobody may read.

Its messages quote addresses (with the signatures of Azure), headers and whole answers of the server (with access
keys), so that nothing of them is passed on but known words.
"""

import re

try:
    from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
except ImportError as error:
    from segue.domain.errors import UnavailableError

    raise UnavailableError(
        "object storages need the client obstore: install the extra, pip install 'segue[objects]'"
    ) from error

FAULTS = (BaseError, FileNotFoundError, ValueError, OSError)
"""Everything that the client raises."""

_CODE = re.compile(r"<Code>([A-Za-z0-9]{1,60})</Code>")
_STATUS = re.compile(r"\bstatus(?: code)?: (\d{3})\b")
_NO_BUCKET = frozenset({"NoSuchBucket", "ContainerNotFound"})
_SIGNS = (
    ("dns error", "the name of its host is not known"),
    ("Connection refused", "nothing listens there"),
    ("ConnectionRefused", "nothing listens there"),
    ("certificate", "its certificate is not trusted"),
    ("InvalidContentType", "it does not speak TLS"),
    ("TimedOut", "it did not answer in time"),
    ("timed out", "it did not answer in time"),
    ("kind: Connect", "there is no connection"),
    ("ConnectionReset", "the connection broke"),
    ("ConnectionAborted", "the connection broke"),
    ("IncompleteMessage", "the connection broke"),
    ("HTTP error", "the connection broke"),
)


def is_missing(error: BaseException) -> bool:
    """Whether the object is not there; a bucket that is not there is another matter."""
    return isinstance(error, FileNotFoundError) and _code(str(error)) not in _NO_BUCKET


def explain(error: BaseException) -> str:
    """The reason in words that hold no secret."""
    text = str(error)
    code, status = _code(text), _STATUS.search(text)
    if code in _NO_BUCKET:
        return f"there is no such bucket or container ({code})"
    facts = ", ".join(filter(None, (code, f"HTTP status {status[1]}" if status else None)))
    if isinstance(error, PermissionDeniedError | UnauthenticatedError) or (status and status[1] in {"401", "403"}):
        return f"the credentials are refused ({facts})" if facts else "the credentials are refused"
    if facts:
        return f"the server answered {facts}"
    return next((meaning for sign, meaning in _SIGNS if sign in text), f"{type(error).__name__}")


def _code(text: str) -> str | None:
    found = _CODE.search(text)
    return found[1] if found else None
