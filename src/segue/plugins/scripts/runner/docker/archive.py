"""The working directory as a tar stream, there and back. What comes back is not to be trusted.

Runs in threads, over files that are streams. Nothing that an archive says leads out of the folder: each part of a path
is opened without following links, and links that point outside are left out.
"""

import contextlib
import os
import posixpath
import stat
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, NamedTuple

from segue.plugins.scripts.runner.docker.streams import CHUNK

_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_DEEPEST = 100


class Owner(NamedTuple):
    """Whose the files are in the container."""

    uid: int = 0
    gid: int = 0


@dataclass
class Transfer:
    """What an archive held: files and their bytes. ``names`` are relative paths of all that is no folder."""

    files: int = 0
    bytes: int = 0
    names: set[str] = field(default_factory=set)
    left_out: list[str] = field(default_factory=list)


def pack(folder: Path, owner: Owner, to: BinaryIO) -> Transfer:
    """Write what is in a folder as an archive with relative names and the modes that files have.

    Links stay links. Pipes, sockets and devices are left out. Raises ``OSError``.
    """
    done = Transfer()
    with tarfile.open(mode="w|", fileobj=to, bufsize=CHUNK, format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(_info(".", folder.lstat(), owner))
        for path in _below(folder):
            name = path.relative_to(folder).as_posix()
            found = path.lstat()
            info = _info(name, found, owner)
            if stat.S_ISLNK(found.st_mode):
                info.type, info.linkname, info.size = tarfile.SYMTYPE, str(path.readlink()), 0
                archive.addfile(info)
            elif stat.S_ISDIR(found.st_mode):
                archive.addfile(info)
                continue
            elif stat.S_ISREG(found.st_mode):
                descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
                with os.fdopen(descriptor, "rb") as content:
                    info.size = os.fstat(descriptor).st_size
                    archive.addfile(info, content)
            else:
                done.left_out.append(name)
                continue
            done.files, done.bytes = done.files + 1, done.bytes + info.size
            done.names.add(name)
    return done


def _below(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        for name in sorted(folders):
            yield Path(root, name)
        for name in sorted(files):
            yield Path(root, name)


def _info(name: str, found: os.stat_result, owner: Owner) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.mode, info.mtime = stat.S_IMODE(found.st_mode), int(found.st_mtime)
    info.uid, info.gid = owner
    if stat.S_ISDIR(found.st_mode):
        info.type = tarfile.DIRTYPE
    return info


def unpack(source: BinaryIO, folder: Path, top: str, moved: tuple[str, str] | None = None) -> Transfer:
    """Write the files of an archive into a folder that is there.

    ``top`` is the name of the folder that was packed: Docker puts it before all names, Podman does not do so for
    volumes. What is in the way is replaced. ``moved`` renames a folder at the top. Raises ``OSError`` and
    ``tarfile.TarError``.
    """
    done = Transfer()
    with _root(folder) as root, tarfile.open(mode="r|", fileobj=source, bufsize=CHUNK) as archive:
        below: int | None = None
        for member in archive:
            if below is None:
                below = 1 if _parts(member.name, 0) == (top,) else 0
            parts = _parts(member.name, below)
            if parts is None:
                done.left_out.append(member.name[:200])
            elif parts:
                place = (moved[1], *parts[1:]) if moved and parts[0] == moved[0] else parts
                _write(archive, member, _Place(root, place, below), done)
    return done


class _Place(NamedTuple):
    """Where an entry goes. ``below`` is how many parts of the names in the archive are above the folder."""

    root: int
    parts: tuple[str, ...]
    below: int


def _parts(name: str, below: int) -> tuple[str, ...] | None:
    """The path in the folder; None for one that leads elsewhere."""
    parts = PurePosixPath(name.lstrip("/")).parts
    return None if ".." in parts or "\0" in name or len(parts) > _DEEPEST else parts[below:]


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, place: _Place, done: Transfer) -> None:
    root, parts, _ = place
    path = "/".join(parts)
    if member.isdir():
        with _opened(root, parts):
            return
    with _opened(root, parts[:-1]) as parent:
        if member.isreg():
            content = archive.extractfile(member)
            assert content is not None
            _clear(parts[-1], parent)
            _copy(content, os.open(parts[-1], _NEW_FILE, 0o600, dir_fd=parent), member.mode)
            done.bytes += member.size
        elif not _link(member, place, parent):
            done.left_out.append(path)
            return
    done.files += 1
    done.names.add(path)


def _copy(content: IO[bytes], descriptor: int, mode: int) -> None:
    with os.fdopen(descriptor, "wb") as file:
        while chunk := content.read(CHUNK):
            file.write(chunk)
        os.fchmod(descriptor, (mode & 0o777) | stat.S_IRUSR | stat.S_IWUSR)


def _link(member: tarfile.TarInfo, place: _Place, parent: int) -> bool:
    """Make a link that stays within the folder; whether there is one."""
    root, parts, below = place
    if member.issym():
        target = posixpath.normpath(posixpath.join("/".join(parts[:-1]), member.linkname))
        if member.linkname.startswith("/") or target.split("/", 1)[0] == "..":
            return False
        _clear(parts[-1], parent)
        os.symlink(member.linkname, parts[-1], dir_fd=parent)
        return True
    if not member.islnk():
        return False
    source = _parts(member.linkname, below)
    if not source or source == parts:
        return False
    with _opened(root, source[:-1]) as folder:
        if not stat.S_ISREG(_mode(source[-1], folder)):
            return False
        _clear(parts[-1], parent)
        os.link(source[-1], parts[-1], src_dir_fd=folder, dst_dir_fd=parent, follow_symlinks=False)
    return True


@contextlib.contextmanager
def _opened(root: int, parts: tuple[str, ...], *, makes: bool = True) -> Iterator[int]:
    """A folder below ``root``; where it ``makes`` it, links and files in the way are removed. Raises ``OSError``."""
    current = os.dup(root)
    try:
        for part in parts:
            if makes and not stat.S_ISDIR(_mode(part, current)):
                _clear(part, current)
                os.mkdir(part, 0o700, dir_fd=current)
            current, last = os.open(part, _FOLDER_FLAGS, dir_fd=current), current
            os.close(last)
        yield current
    finally:
        os.close(current)


def _mode(name: str, folder: int) -> int:
    try:
        return os.lstat(name, dir_fd=folder).st_mode
    except FileNotFoundError:
        return 0


def _clear(name: str, folder: int) -> None:
    """Remove a file or link; a folder in the way of a file raises ``OSError`` unless it is empty."""
    mode = _mode(name, folder)
    if stat.S_ISDIR(mode):
        os.rmdir(name, dir_fd=folder)
    elif mode:
        os.unlink(name, dir_fd=folder)


def remove_gone(folder: Path, names: set[str]) -> None:
    """Remove files that were sent and have not come back, as a command does that removes them here."""
    with _root(folder) as root:
        for name in names:
            parts = PurePosixPath(name).parts
            with contextlib.suppress(OSError), _opened(root, parts[:-1], makes=False) as parent:
                os.unlink(parts[-1], dir_fd=parent)


@contextlib.contextmanager
def _root(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, _FOLDER_FLAGS)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
