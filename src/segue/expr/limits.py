"""Limits of one rendering (expression language 12).

The meaning of each limit stands beside its default: configuration and reference page are made from it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["MEANING", "Limits"]

MEANING = "meaning"
"""Key of a field's metadata."""


def _limit(default: float, meaning: str) -> Any:
    return field(default=default, metadata={MEANING: meaning})


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds; every `LimitError` names the field that was reached.

    `max_steps` counts comparisons of many elements and large texts as more than one step. `max_seconds` is looked at
    every few hundred steps and after every few regular expressions, if the services have a clock. `max_integer_bits`
    keeps integers below the size at which Python refuses to turn them into text.
    """

    max_template_length: int = _limit(1_000_000, "characters of a template")
    max_depth: int = _limit(100, "brackets, tags, calls of macros and YAML values within each other")
    max_steps: int = _limit(1_000_000, "turns of loops, calls of filters, functions and macros in one rendering")
    max_seconds: float = _limit(10.0, "seconds of one rendering")
    max_output_length: int = _limit(10_000_000, "characters of the result, and of every text made on the way")
    max_total_length: int = _limit(
        200_000_000, "characters of all texts that one rendering makes; an element of a list or map counts 16"
    )
    max_range: int = _limit(1_000_000, "elements of a list or map that is made")
    max_render_depth: int = _limit(16, "`render()` within what `render()` renders")
    max_render_passes: int = _limit(100, "passes of one recursive `render()`")
    max_integer_bits: int = _limit(14_000, "bits of an integer; exponents of decimals are kept in the same range")
    max_regex_length: int = _limit(
        1_000, "characters of a regular expression; ten times its parts once `{n}` is unfolded"
    )
    max_regex_input: int = _limit(200_000, "characters of the text that a regular expression is matched with")
    max_regex_seconds: float = _limit(1.0, "seconds of one match of a regular expression")
    max_jq_seconds: float = _limit(2.0, "seconds of a jq program that loops or grows")
    max_document_length: int = _limit(2_000_000, "characters of YAML or Ion that is read")
    max_format_width: int = _limit(10_000, "width and precision in `format`")
    max_format_length: int = _limit(1_000, "characters of the format of a date or number, and of a date read with one")
