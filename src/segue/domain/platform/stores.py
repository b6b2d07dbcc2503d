"""Calls about old keys of the KV store and old revisions of namespace files (core plugins 6 and 7)."""

from datetime import datetime
from typing import Any, ClassVar

import msgspec

from segue.domain.platform.call import Call

LARGEST_SLICE = 500
"""Keys, or files, that one call looks at."""


class VersionsPurged(msgspec.Struct, frozen=True):
    """How much one call removed, and where to go on: nowhere when ``after`` is None."""

    count: int
    after: str | None


class KeyMerged(msgspec.Struct, frozen=True):
    """Whether the key was there; when it was not and had to be, nothing was written."""

    was_there: bool


class MergeKey(Call[KeyMerged], frozen=True, kw_only=True):
    """Merge an update into a value (``segue.domain.kv_merge``); description and expiry stay as they are."""

    verb: ClassVar[str] = "kv.merge"
    answer: ClassVar[type] = KeyMerged

    namespace: str
    key: str
    value: Any
    must_exist: bool = False


class PurgeKeys(Call[VersionsPurged], frozen=True, kw_only=True):
    """Remove, among the next keys of a namespace, whole keys (expired ones, or all), counted by keys."""

    verb: ClassVar[str] = "kv.purge-keys"
    answer: ClassVar[type] = VersionsPurged

    namespace: str
    pattern: str = ""
    """``*`` and ``?`` stand for any characters, for one; empty: every key."""
    expired_only: bool = True
    after: str = ""


class PurgeKeyVersions(Call[VersionsPurged], frozen=True, kw_only=True):
    """Remove old versions of the next keys of a namespace: all but the newest ``keep``, or those written ``before``."""

    verb: ClassVar[str] = "kv.purge-versions"
    answer: ClassVar[type] = VersionsPurged

    namespace: str
    pattern: str = ""
    keep: int | None = None
    before: datetime | None = None
    after: str = ""


class PurgeFileVersions(Call[VersionsPurged], frozen=True, kw_only=True):
    """The same for the next files of a namespace, deleted ones included; ``pattern`` is a glob for files (1.2)."""

    verb: ClassVar[str] = "files.purge-versions"
    answer: ClassVar[type] = VersionsPurged

    namespace: str
    pattern: str = ""
    keep: int | None = None
    before: datetime | None = None
    after: str = ""
