"""Paths of files below a folder: of a namespace, of a working directory (flow language 8, 14.2)."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote

from segue.domain.errors import IllegalPathError, SegueError
from segue.domain.ids import check_path_segment

NAMESPACE_SCHEME = "nsfile:"
FLOWS = "_flows"
"""The place of flows in archives of namespace files: no file may lie there."""
_LONGEST_PATH = 1000


class NamespacePath(NamedTuple):
    """A file of a namespace."""

    namespace: str
    path: str


def clean_folder(path: str) -> str:
    """A folder's path without slashes at its ends; the root is empty. Raises ``IllegalPathError``."""
    return "" if path.strip("/") == "" else clean_path(path)


def clean_path(path: str) -> str:
    """A path below a folder, without slashes at its ends. Raises ``IllegalPathError`` for one that may lead elsewhere.

    Refused are empty paths and parts, ``.`` and ``..``, backslashes, control characters, and what is too long.
    """
    clean = path.strip("/")
    try:
        for segment in clean.split("/"):
            check_path_segment(segment)
    except (SegueError, UnicodeEncodeError):
        raise IllegalPathError(f"{path[:200]!r} is no path of a file below a folder") from None
    if len(clean) > _LONGEST_PATH:
        raise IllegalPathError(f"The path of a file may have {_LONGEST_PATH} characters at most")
    return clean


def check_not_flows(path: str) -> str:
    """Return a clean path unless it lies in the place of flows. Raises ``IllegalPathError``."""
    if path == FLOWS or path.startswith(f"{FLOWS}/"):
        raise IllegalPathError(f"'{path[:200]}' cannot be used: '{FLOWS}' is the place of flows in archives")
    return path


def working_path(name: str) -> str:
    """The path of a file in a working directory, relative to it: as ``clean_path``, with ``./`` in front or not.

    Raises ``IllegalPathError`` also for absolute paths.
    """
    if name.startswith("/"):
        raise IllegalPathError(f"{name[:200]!r} is absolute: paths in a working directory are relative to it")
    while name.startswith("./"):
        name = name[2:]
    return clean_path(name)


def parse_namespace_uri(uri: str, own: str) -> NamespacePath:
    """What ``nsfile:///path`` (of the namespace ``own``) or ``nsfile://namespace/path`` names (14.2).

    Raises ``IllegalPathError``.
    """
    rest = uri.removeprefix(NAMESPACE_SCHEME)
    namespace = own
    if rest.startswith("//"):
        authority, _, rest = rest[2:].partition("/")
        namespace = authority or own
    return NamespacePath(namespace, clean_path(unquote(rest)))
