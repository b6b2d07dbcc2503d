"""A call: the name of a verb, its arguments, and what the answer looks like. Both travel as JSON."""

from typing import ClassVar, Generic, TypeVar

import msgspec

Answer = TypeVar("Answer")


class Call(msgspec.Struct, Generic[Answer], frozen=True, kw_only=True, omit_defaults=True):
    """Base of all calls. Its fields are the arguments.

    A call does a bounded amount of work. One that has more to do answers where to go on, and is made again from
    there; one that is made twice, because its answer was lost, does no harm.
    """

    verb: ClassVar[str]
    """Its name on the wire."""
    answer: ClassVar[type]
    """The type of what comes back."""
