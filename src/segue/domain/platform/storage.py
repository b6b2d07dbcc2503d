"""Calls about the files of executions in internal storage (core plugins 8)."""

from datetime import datetime
from typing import ClassVar

import msgspec

from segue.domain.platform.call import Call

LARGEST_SLICE = 1000
"""Files that one call looks at."""


class OwnFilesPurged(msgspec.Struct, frozen=True):
    """URIs of the files that one call removed, and where to go on: nowhere when ``after`` is None."""

    uris: list[str]
    after: str | None


class PurgeOwnFiles(Call[OwnFilesPurged], frozen=True, kw_only=True):
    """Remove the next files of the execution that asks."""

    verb: ClassVar[str] = "storage.purge-own"
    answer: ClassVar[type] = OwnFilesPurged

    after: str = ""


class StoragePurged(msgspec.Struct, frozen=True):
    """Files of executions that were looked at, that match, and that were removed; ``after`` as above."""

    scanned: int
    matched: int
    deleted: int
    after: str | None


class PurgeStorage(Call[StoragePurged], frozen=True, kw_only=True):
    """Remove files of executions that were written within a time, among the next ``LARGEST_SLICE``.

    ``namespace`` means those below it too, unless there is a ``flow_id``; empty: all. Files of the execution that
    asks stay.
    """

    verb: ClassVar[str] = "storage.purge"
    answer: ClassVar[type] = StoragePurged

    namespace: str = ""
    flow_id: str = ""
    modified_after: datetime | None = None
    modified_before: datetime
    is_dry_run: bool = True
    after: str = ""
