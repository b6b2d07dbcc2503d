"""The numbers of a user, from its name and the ``/etc/passwd`` of an image. Pure but for the stream it reads."""

import tarfile
from typing import BinaryIO

from segue.plugins.scripts.runner.docker.archive import Owner

ROOT = Owner()
_LARGEST = 1024 * 1024
_MOST_ID = 2**31


def numeric_owner(user: str) -> Owner | None:
    """The owner when a user is given by numbers, as ``uid`` or ``uid:gid``, or is root; None for another name."""
    uid, _, gid = user.partition(":")
    if uid in {"", "root"}:
        return ROOT
    if not uid.isdecimal() or int(uid) >= _MOST_ID:
        return None
    return Owner(int(uid), int(gid) if gid.isdecimal() and int(gid) < _MOST_ID else 0)


def owner_in(archive: BinaryIO, user: str) -> Owner:
    """The owner that the file in an archive tells for a name; root when it tells none."""
    name = user.partition(":")[0]
    try:
        with tarfile.open(mode="r|", fileobj=archive) as opened:
            member = opened.next()
            content = None if member is None or member.size > _LARGEST else opened.extractfile(member)
            lines = b"" if content is None else content.read()
    except tarfile.TarError:
        return ROOT
    for line in lines.decode("utf-8", "replace").splitlines():
        parts = line.split(":")
        if len(parts) > 3 and parts[0] == name and parts[2].isdecimal() and parts[3].isdecimal():
            return Owner(int(parts[2]), int(parts[3]))
    return ROOT
