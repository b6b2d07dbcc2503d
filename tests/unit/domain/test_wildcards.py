"""Wildcards for names."""

import time

import pytest

from segue.domain.wildcards import fits


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("*", "", True),
        ("", "", True),
        ("", "a", False),
        ("a", "a", True),
        ("a", "ab", False),
        ("a*", "a.b", True),
        ("*.b", "a.b", True),
        ("*a*b*", "xxaxxbxx", True),
        ("*a*b", "abac", False),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("a.c", "abc", False),
        ("**", "x", True),
        ("[a]", "a", False),
        ("A", "a", False),
    ],
)
def test_patterns(pattern, name, expected):
    assert fits(pattern, name) is expected


def test_no_pattern_takes_long():
    begun = time.perf_counter()
    assert not fits("*a" * 100 + "b", "a" * 1000)
    assert time.perf_counter() - begun < 2
