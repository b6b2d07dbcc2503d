import pytest

from segue.sdk import LineSplitter


@pytest.mark.parametrize(
    ("chunks", "lines"),
    [
        ([b"a\nb\n"], ["a", "b"]),
        ([b"a\r\nb\rc"], ["a", "b", "c"]),
        ([b"a\r", b"\nb\n"], ["a", "b"]),
        ([b"a\r", b"\n", b"\nb"], ["a", "", "b"]),
        ([b"a\r", b"", b"b"], ["a", "b"]),
        ([b"\n\n"], ["", ""]),
        ([], []),
        ([b"a", b"b", b"c\n", b"d"], ["abc", "d"]),
        (["é".encode()[:1], "é".encode()[1:], b"\n"], ["é"]),
        ([b"\xff\x00\n"], ["\ufffd\ufffd"]),
        ([b"12345678\n1234567\n"], ["12345678", "1234567"]),
        ([b"12345", b"6789\nab\n"], ["12345678... (1 bytes more of this line are left out)", "ab"]),
        ([b"12345678", b"9" * 50, b"9" * 50], ["12345678... (100 bytes more of this line are left out)"]),
    ],
)
def test_chunks_become_lines(chunks: list[bytes], lines: list[str]) -> None:
    splitter = LineSplitter(longest=8)
    found = [line for chunk in chunks for line in splitter.feed(chunk)]
    assert found + splitter.finish() == lines
    assert splitter.finish() == []
