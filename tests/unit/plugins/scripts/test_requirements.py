"""The lines of ``dependencies`` (core plugins 17.6)."""

import pytest

from segue.plugins.scripts.python.requirements import (
    RequirementError,
    check_version,
    read_requirements,
    version_of_image,
)


def no_files(path: str) -> str:
    raise AssertionError(f"{path} was asked for")


def lines(*texts: str) -> tuple[str, ...]:
    return read_requirements(texts, no_files, "/wd").lines


@pytest.mark.parametrize(
    "line",
    [
        "requests",
        "Flask_SQLAlchemy",
        "pandas>=2,<3",
        "requests[socks,security]==2.31.0",
        "requests == 2.31.0 ; python_version < '3.13'",
        "numpy (>=1.26)",
        "alpha==1.0 --hash=sha256:" + "a" * 64,
        "pip @ https://example.org/pip-22.0.2.zip",
        "git+https://example.org/team/project.git@v1#egg=project",
        "https://example.org/packages/alpha-1.0-py3-none-any.whl",
        "/srv/wheels/alpha-1.0-py3-none-any.whl",
        "file:///srv/wheels/alpha-1.0-py3-none-any.whl",
        "--index-url https://example.org/simple",
        "--index-url=https://example.org/simple",
        "-i https://example.org/simple",
        "--extra-index-url https://example.org/simple",
        "--find-links /srv/wheels",
        "--pre",
    ],
)
def test_what_pip_takes_is_taken(line: str) -> None:
    assert lines(line) == (line,)


@pytest.mark.parametrize(
    "line",
    [
        "-e .",
        "--target=/usr/lib",
        "--python /bin/sh",
        "--config-settings=x=y",
        "-c constraints.txt",
        "--index-url",
        "--pre --target=/tmp",
        "--index-url https://example.org/simple --target=/tmp",
        "-h",
        "--",
    ],
)
def test_a_line_cannot_become_an_option(line: str) -> None:
    with pytest.raises(RequirementError, match=r"is not allowed in `dependencies`: they are package specifiers"):
        lines(line)


@pytest.mark.parametrize("line", ["two words", "$(reboot)", "; python_version", "a\0b", "!requests", "=1.0"])
def test_what_is_no_specifier_is_refused(line: str) -> None:
    with pytest.raises(RequirementError, match="is no package specifier"):
        lines(line)


def test_an_option_within_a_text_of_many_lines_is_seen() -> None:
    with pytest.raises(RequirementError, match="--target"):
        lines("requests\n--target=/tmp\n")


def test_comments_empty_lines_and_repetitions_are_left_out() -> None:
    assert lines("# all", "", "requests  # for HTTP", "requests", "pandas \\\n  >= 2") == ("requests", "pandas    >= 2")


def test_a_path_is_relative_to_the_working_directory_and_makes_the_environment_private() -> None:
    found = read_requirements(["./dist/alpha-1.0-py3-none-any.whl", "beta.whl"], no_files, "/wd")
    assert found.lines == ("/wd/dist/alpha-1.0-py3-none-any.whl", "/wd/beta.whl")
    assert found.is_local
    assert read_requirements(["alpha @ file:///srv/alpha.whl"], no_files, "/wd").is_local
    assert not read_requirements(["alpha @ https://example.org/alpha.whl"], no_files, "/wd").is_local


def test_files_of_requirements_are_read_in() -> None:
    files = {"requirements.txt": "alpha\n-r more.txt\n", "more.txt": "beta==2"}
    assert read_requirements(["-r requirements.txt"], files.__getitem__, "/wd").lines == ("alpha", "beta==2")


def test_a_file_that_names_itself_is_refused() -> None:
    with pytest.raises(RequirementError, match="more than five levels deep"):
        read_requirements(["-r a.txt"], lambda _: "-r a.txt", "/wd")


def test_the_key_depends_on_the_content_and_not_on_the_order() -> None:
    one = read_requirements(["alpha", "beta"], no_files, "/wd")
    other = read_requirements(["beta", "alpha"], no_files, "/wd")
    key = one.key("3.12", "UV", {})
    assert key == other.key("3.12", "UV", {})
    assert len(key) == 64
    others = {
        one.key("3.13", "UV", {}),
        one.key("3.12", "PIP", {}),
        one.key("3.12", "UV", {"UV_DEFAULT_INDEX": "https://example.org"}),
        read_requirements(["alpha", "beta==1"], no_files, "/wd").key("3.12", "UV", {}),
    }
    assert len(others | {key}) == 5


@pytest.mark.parametrize("version", ["3", "3.12", "3.12.4", "3.13t", " 3.11 "])
def test_versions(version: str) -> None:
    assert check_version(version) == version.strip()


@pytest.mark.parametrize("version", ["", "latest", ">=3.11", "3.12; reboot", "--help", "/usr/bin/python3", "3.1.2.3"])
def test_what_is_no_version(version: str) -> None:
    with pytest.raises(RequirementError, match=r"`pythonVersion` must be a version"):
        check_version(version)


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("python:3.13-slim", "3.13"),
        ("python:3.11.4", "3.11.4"),
        ("registry.example.org/library/python:3", "3"),
        ("python", None),
        ("python:latest", None),
        ("mypython:3.11", None),
        ("ubuntu:22.04", None),
    ],
)
def test_the_version_in_the_tag_of_an_image(image: str, version: str | None) -> None:
    assert version_of_image(image) == version
