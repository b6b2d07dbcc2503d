"""Limits of one rendering (expression language 12)."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds; every `LimitError` names the field that was reached.

    `max_depth` bounds the height of an expression tree, of nested tags and of macro calls; `max_steps` counts
    loop iterations, calls of filters, functions and macros, and values that recursive filters visit;
    `max_seconds` is looked at every few hundred steps if the services have a clock; `max_integer_bits` keeps
    integers below the size at which Python refuses to turn them into text; the regular expression limits bound
    what `re` can be made to do.
    """

    max_template_length: int = 1_000_000
    max_depth: int = 100
    max_steps: int = 1_000_000
    max_seconds: float = 60.0
    max_output_length: int = 10_000_000
    max_range: int = 1_000_000
    max_render_depth: int = 16
    max_render_passes: int = 100
    max_integer_bits: int = 14_000
    max_regex_length: int = 1_000
    max_regex_input: int = 200_000
