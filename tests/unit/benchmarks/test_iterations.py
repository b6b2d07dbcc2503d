"""The arithmetic of the benchmarks of loops."""

from benchmarks.iterations import _blocks, _cpu_at, _figures, _Sample, _work


def test_blocks_of_a_thousand() -> None:
    ends = [number * 0.001 for number in range(2500)]

    blocks = _blocks(ends)

    assert [count for count, _ in blocks] == [1000, 1000, 500]
    assert round(blocks[1][1], 6) == 1.0


def test_the_last_tenth_is_held_against_the_first() -> None:
    blocks = [(1000, 9.0), *[(1000, 1.0)] * 10, *[(1000, 2.0)] * 10, (17, 9.0)]

    figures = _figures(blocks)

    assert figures["ms/iteration, first tenth"] == 1.0
    assert figures["last to first"] == 2.0
    assert figures["ms/iteration, slowest block"] == 2.0


def test_work_is_read_between_samples() -> None:
    samples = [_Sample(0.0, 5.0), _Sample(10.0, 6.0), _Sample(20.0, 8.0)]
    assert _cpu_at(5.0, samples) == 5.5
    assert _cpu_at(15.0, samples) == 7.0
    assert _cpu_at(-1.0, samples) == 5.0
    assert _cpu_at(99.0, samples) == 8.0

    work = _work([number * 0.01 for number in range(2000)], samples)

    assert round(work["control plane us, second tenth"]) == 1000
    assert round(work["control plane us, last tenth"]) == 2000
    assert round(work["work, last to second"], 3) == 2.0


def test_nothing_has_ended() -> None:
    assert _blocks([]) == []
    assert _work([], [_Sample(0.0, 0.0), _Sample(1.0, 1.0)]) == {}
    assert _figures([])["last to first"] == 0.0
