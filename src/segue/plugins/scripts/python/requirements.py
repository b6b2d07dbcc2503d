"""The lines of ``dependencies``: what is allowed in them, and the key of an environment made of them (core plugins
17.6). Nothing here touches the machine but ``read_file``, which the caller gives.
"""

import hashlib
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from segue.domain.errors import SegueError

_SHOWN = 200
_DEEPEST = 5
_FILE = re.compile(r"(?:-r|--requirement)(?:\s+|=)?(\S.*)")
_SOURCE = re.compile(r"(?:(--index-url|--extra-index-url|--find-links)(?:\s+|=)|(-i|-f)\s*)(\S+)")
_FLAG = re.compile(r"--(?:no-index|pre|prefer-binary)")
_REQUIREMENT = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\s*(?:$|[\[(<>=!~;@,]|--hash=)")
_ADDRESS = re.compile(r"(?:git|hg|svn|bzr)\+\S+|https?://\S+", re.IGNORECASE)
_PATH = re.compile(r"(?:file:|\.{0,2}/)\S*|[^:\s]+\.(?:whl|zip|tar\.gz)(?=\s|$)", re.IGNORECASE)
_PATH_OF_NAME = re.compile(r"@\s*file:", re.IGNORECASE)
_COMMENT = re.compile(r"(?:^|\s)#.*$")
_VERSION = re.compile(r"\d+(?:\.\d+){0,2}t?")
_OF_IMAGE = re.compile(r"(?:^|/)python:(\d+(?:\.\d+){0,2})(?![\d.])")


class RequirementError(SegueError):
    """A line of ``dependencies`` that is none, or a ``pythonVersion`` that is no version."""


class Requirements(NamedTuple):
    """Checked lines in order. ``is_local``: some name files of this machine, which may change under their name."""

    lines: tuple[str, ...]
    is_local: bool

    def key(self, python: str, manager: str, settings: Mapping[str, str]) -> str:
        """What makes environments exchangeable: version, lines whatever their order, and how they are installed."""
        parts = [f"#pyversion: {python}", f"#manager: {manager}"]
        parts += [f"#setting: {name}={value}" for name, value in sorted(settings.items())]
        return hashlib.sha256("\n".join([*parts, *sorted(self.lines)]).encode("utf-8", "surrogatepass")).hexdigest()


def read_requirements(texts: Iterable[str], read_file: Callable[[str], str], folder: str) -> Requirements:
    """The lines of ``dependencies``; files of ``-r`` lines are read in, paths are relative to ``folder``.

    A line is a specifier with or without hashes, an address, a path, or one of the few options that say where packages
    come from. Raises ``RequirementError`` for any other: no line ever becomes an option of a program.
    """
    lines: list[str] = []
    is_local = False
    for line in _lines(texts, read_file, 0):
        is_path = _PATH.match(line) is not None
        is_local = is_local or is_path or _PATH_OF_NAME.search(line) is not None
        if is_path and not line.lower().startswith("file:"):
            line = posixpath.normpath(posixpath.join(folder, line))  # noqa: PLW2901  the same, for any folder
        if line not in lines:
            lines.append(line)
    return Requirements(tuple(lines), is_local)


def check_version(version: str) -> str:
    """A Python version such as ``3.12``, ``3.12.4`` or ``3.13t``. Raises ``RequirementError``."""
    version = version.strip()
    if not _VERSION.fullmatch(version):
        raise RequirementError(f"`pythonVersion` must be a version such as 3.12 or 3.12.4, not '{version[:_SHOWN]}'")
    return version


def version_of_image(image: str) -> str | None:
    """The version in the tag of an image called ``python``; None for other images and tags."""
    found = _OF_IMAGE.search(image)
    return found[1] if found else None


def _lines(texts: Iterable[str], read_file: Callable[[str], str], depth: int) -> Iterator[str]:
    for text in texts:
        for raw in text.replace("\\\n", " ").splitlines():
            line = _COMMENT.sub("", raw).strip()
            if not line:
                continue
            included = _FILE.fullmatch(line)
            if included is None:
                yield _checked(line)
            elif depth == _DEEPEST:
                raise RequirementError("the files of `dependencies` name each other more than five levels deep")
            else:
                yield from _lines([read_file(included[1].strip())], read_file, depth + 1)


def _checked(line: str) -> str:
    if "\0" in line or not (_SOURCE.fullmatch(line) or _FLAG.fullmatch(line) or _is_requirement(line)):
        if line.startswith("-"):
            raise RequirementError(
                f"'{line[:_SHOWN]}' is not allowed in `dependencies`: they are package specifiers; of the options only "
                "-r, --index-url, --extra-index-url, --find-links, --no-index, --pre and --prefer-binary"
            )
        raise RequirementError(f"'{line[:_SHOWN]}' in `dependencies` is no package specifier")
    return line


def _is_requirement(line: str) -> bool:
    return any(form.match(line) for form in (_REQUIREMENT, _ADDRESS, _PATH))
