"""Plugins that are installed beside this distribution: which types there are, without loading more than is asked for.

The entry point group ``segue.plugins`` takes two forms:

- a single type: the name is the type (or an alias), the value ``module:Class``;
- a group: the name is the beginning of the names of its types, the value a module or package. It either lists its
  types as ``PLUGINS`` (a map of types to ``module:Class``, or a list of classes) or is looked through for classes. It
  is imported when a type that begins with its name is asked for, when a type nobody knows is, or when all are listed.

Folders are searched as well: distributions in them as everywhere else (``pip install --target``), and modules and
packages that belong to none, each as a group without a name. Nothing here raises: what cannot be read is in ``faults``.
"""

import importlib
import logging
import pkgutil
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import EntryPoint, distributions, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from pydantic import BaseModel

logger = logging.getLogger(__name__)

ENTRY_POINTS = "segue.plugins"
LISTING = "PLUGINS"


class Place(NamedTuple):
    """Where a type is: ``module:Class``, and who brings it (a distribution with its version, or a folder)."""

    path: str
    origin: str
    aliases: frozenset[str] = frozenset()


class _Group(NamedTuple):
    prefix: str
    module: str
    origin: str


class Installed:
    """All plugins of this installation and of some folders."""

    def __init__(self, folders: Iterable[Path] = ()) -> None:
        """``folders`` become part of the path on which Python looks for modules, at its end."""
        self.faults: dict[str, str] = {}
        """What could not be read: the name of a type, a module or a folder, and why."""
        self._lock = threading.RLock()
        given = [folder.resolve() for folder in folders]
        for folder in given:
            if not folder.is_dir():
                self._fault(str(folder), "there is no such folder")
            elif str(folder) not in sys.path:
                sys.path.append(str(folder))
        self.places: dict[str, Place] = {}
        """The types that are known so far."""
        self._unread: list[_Group] = []
        for point in entry_points(group=ENTRY_POINTS):
            self._note(point)
        for folder in given:
            for module in _loose_modules(folder):
                self._unread.append(_Group("", module, str(folder)))

    @property
    def is_read(self) -> bool:
        """Whether all types are known."""
        return not self._unread

    def learn(self, type_name: str | None = None) -> dict[str, Place]:
        """Read the groups that may hold a type, all of them without one; the types that are new."""
        if not self._unread:
            return {}
        with self._lock:
            wanted = [group for group in self._unread if type_name is None or _holds(group, type_name)]
            if not wanted:
                wanted = self._unread
            self._unread = [group for group in self._unread if group not in wanted]
            before = set(self.places)
            for group in wanted:
                self._read(group)
            return {name: place for name, place in self.places.items() if name not in before}

    def _note(self, point: EntryPoint) -> None:
        origin = "an unknown distribution" if point.dist is None else f"{point.dist.name} {point.dist.version}"
        if ":" in point.value:
            self._add(point.name, Place(point.value, origin))
        else:
            self._unread.append(_Group(point.name, point.value, origin))

    def _read(self, group: _Group) -> None:
        try:
            module = importlib.import_module(group.module)
            listing = getattr(module, LISTING, None)
            found = self._scanned(module) if listing is None else _listed(listing)
            for name, path, aliases in found:
                self._add(name, Place(path, group.origin, aliases))
        except (Exception, SystemExit) as error:  # whatever the code of a plugin does when it is imported
            self._fault(group.module, f"{type(error).__name__}: {error}")

    def _scanned(self, module: ModuleType) -> Iterator[tuple[str, str, frozenset[str]]]:
        """The plugins of a module and of those below it; one that cannot be imported does not hide the others."""
        yield from _plugins_of(module)
        below = getattr(module, "__path__", None)
        if below is None:
            return
        for info in pkgutil.walk_packages(below, f"{module.__name__}.", onerror=_ignored):
            try:
                part = importlib.import_module(info.name)
            except (Exception, SystemExit) as error:  # as in _read
                self._fault(info.name, f"{type(error).__name__}: {error}")
            else:
                yield from _plugins_of(part)

    def _add(self, name: str, place: Place) -> None:
        known = self.places.setdefault(name, place)
        if known.path != place.path:
            self._fault(name, f"{place.origin} brings it as well as {known.origin}, whose plugin is used")

    def _fault(self, name: str, reason: str) -> None:
        self.faults[name] = reason
        logger.warning("plugins of %s cannot be used: %s", name, reason)


def _ignored(name: str) -> None:
    """The same package is imported again, and its error noted, by who walks."""


def _holds(group: _Group, type_name: str) -> bool:
    return bool(group.prefix) and (type_name == group.prefix or type_name.startswith(f"{group.prefix}."))


def _listed(listing: Any) -> Iterator[tuple[str, str, frozenset[str]]]:
    if isinstance(listing, Mapping):
        for name, path in listing.items():
            yield str(name), str(path), frozenset()
        return
    for kind in listing:
        if not _is_plugin(kind):
            raise TypeError(f"{LISTING} must be a map of types to `module:Class`, or a list of plugin classes")
        yield _described(kind)


def _plugins_of(module: ModuleType) -> Iterator[tuple[str, str, frozenset[str]]]:
    for kind in list(vars(module).values()):
        if _is_plugin(kind) and kind.__module__ == module.__name__ and not kind.__name__.startswith("_"):
            yield _described(kind)


def _is_plugin(kind: Any) -> bool:
    """Whether it is a class of the SDK's making that has a type of its own."""
    return (
        isinstance(kind, type)
        and issubclass(kind, BaseModel)
        and isinstance(vars(kind).get("type"), str)
        and hasattr(kind, "aliases")
    )


def _described(kind: Any) -> tuple[str, str, frozenset[str]]:
    return kind.type, f"{kind.__module__}:{kind.__qualname__}", frozenset(kind.aliases)


def _loose_modules(folder: Path) -> list[str]:
    """Modules and packages directly in a folder that no distribution in it has brought."""
    if not folder.is_dir():
        return []
    owned = {
        Path(str(file)).parts[0].removesuffix(".py")
        for distribution in distributions(path=[str(folder)])
        for file in distribution.files or ()
    }
    names = [info.name for info in pkgutil.iter_modules([str(folder)])]
    return sorted(name for name in names if name not in owned and not name.startswith("_"))
