"""Limits of one rendering (expression language 12)."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds; every `LimitError` names the field that was reached.

    `max_depth` bounds the height of an expression tree, of nested tags, of macro calls and of values that are read from
    text. `max_steps` counts loop iterations, calls, and values that recursive filters visit; comparing many elements
    costs more than one step. `max_seconds` is looked at every few hundred steps and after every regular expression, if
    the services have a clock. `max_total_length` is what one rendering may produce in all its steps together: a
    character counts one, an element of a list or map 16 (the values themselves are bounded by `max_output_length` and
    `max_range`). `max_integer_bits` keeps integers below the size at which Python refuses to turn them into text, and
    decimal exponents small. `max_regex_seconds` ends a regular expression that backtracks too much.
    `max_document_length` bounds YAML and Ion text to be read. `max_format_width` bounds widths and precisions,
    `max_format_length` the patterns of dates and numbers and jq programs.
    """

    max_template_length: int = 1_000_000
    max_depth: int = 100
    max_steps: int = 1_000_000
    max_seconds: float = 10.0
    max_output_length: int = 10_000_000
    max_total_length: int = 200_000_000
    max_range: int = 1_000_000
    max_render_depth: int = 16
    max_render_passes: int = 100
    max_integer_bits: int = 14_000
    max_regex_length: int = 1_000
    max_regex_input: int = 200_000
    max_regex_seconds: float = 1.0
    max_document_length: int = 2_000_000
    max_format_width: int = 10_000
    max_format_length: int = 1_000
