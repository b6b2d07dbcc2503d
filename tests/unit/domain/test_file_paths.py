"""Paths below folders, and patterns for files."""

import pytest

from segue.domain.errors import IllegalPathError
from segue.domain.file_paths import NamespacePath, clean_folder, clean_path, parse_namespace_uri, working_path
from segue.domain.globs import FilePatterns, GlobError


def test_clean_paths_lose_their_slashes() -> None:
    assert clean_path("/a/b c.txt/") == "a/b c.txt"
    assert clean_folder("/") == ""
    assert working_path("./out/x.txt") == "out/x.txt"


@pytest.mark.parametrize("path", ["", "..", "a/../b", "a//b", "./a/.", "a\\b", "a\0b", "a\nb", "x" * 300, "é" * 200])
def test_paths_that_may_lead_elsewhere_are_refused(path: str) -> None:
    with pytest.raises(IllegalPathError):
        clean_path(path)


@pytest.mark.parametrize("path", ["/etc/passwd", "//x", "../x", "./../x", "."])
def test_working_paths_are_relative(path: str) -> None:
    with pytest.raises(IllegalPathError):
        working_path(path)


def test_namespace_uris() -> None:
    assert parse_namespace_uri("nsfile:///a/b.sql", "io.test") == NamespacePath("io.test", "a/b.sql")
    assert parse_namespace_uri("nsfile://other.space/a%20b", "io.test") == NamespacePath("other.space", "a b")
    with pytest.raises(IllegalPathError):
        parse_namespace_uri("nsfile:///a/%2e%2e/b", "io.test")


@pytest.mark.parametrize(
    ("pattern", "fits", "fits_not"),
    [
        ("*.txt", ["a.txt", ".txt"], ["d/a.txt", "a.txt.gz"]),
        ("out/*", ["out/a"], ["out/d/a", "out"]),
        ("**", ["a", "d/e/f"], []),
        ("**/*.csv", ["a.csv", "d/e/a.csv"], ["a.csvx"]),
        ("glob:d/**", ["d/a", "d/e/f"], ["e/a"]),
        ("/a.txt", ["a.txt"], ["d/a.txt"]),
        ("./a.txt", ["a.txt"], ["b.txt"]),
        ("a?.{json,yml}", ["a1.json", "ab.yml"], ["a/.yml", "a1.txt"]),
        ("[a-c][!0-9].t", ["ax.t"], ["a1.t", "dx.t", "a/.t"]),
        ("regex:d/.+\\.t", ["d/a.t"], ["d/.t.x"]),
        ("a\\*b", ["a*b"], ["axb"]),
        ("a+(b)", ["a+(b)"], ["aab"]),
    ],
)
def test_patterns(pattern: str, fits: list[str], fits_not: list[str]) -> None:
    patterns = FilePatterns([pattern])
    assert all(patterns.match(path) for path in fits)
    assert not any(patterns.match(path) for path in fits_not)


def test_patterns_for_namespace_files_fit_at_any_depth() -> None:
    assert FilePatterns(["a.txt"], anywhere=True).match("d/e/a.txt")
    assert not FilePatterns(["/a.txt"], anywhere=True).match("d/a.txt")
    assert not FilePatterns([], anywhere=True)


@pytest.mark.parametrize("pattern", ["[a", "{a", "{a,{b}}", "regex:(", "x" * 2000])
def test_bad_patterns_are_errors(pattern: str) -> None:
    with pytest.raises(GlobError):
        FilePatterns([pattern])
