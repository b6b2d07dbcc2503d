"""Bounds of what can run, from the figures of demand."""

from benchmarks.plugins import FLOWS, Wanted, curve, known_types, main, share, wanted


def test_the_figures_fit_together() -> None:
    types = wanted()
    assert len({one.type for one in types}) == len(types) == 367
    assert all(one.type.startswith(f"{one.group}.") for one in types)
    for corpus in FLOWS:
        flows = [count for _, count in curve(corpus)]
        assert flows == sorted(flows)
        assert curve(corpus)[0][0] == "core"
        assert {group for group, _ in curve(corpus)} <= {one.group for one in types}


def test_with_everything_all_of_the_curve_can_run() -> None:
    assert share("field", []) == ("field", 117, 117, 117)
    assert share("official", []).least == curve("official")[-1][1]


def test_with_nothing_no_flow_is_promised() -> None:
    assert share("field", wanted()).least == 0


def test_a_missing_type_costs_its_flows_from_its_group_on() -> None:
    steps = curve("field")
    group, flows = steps[2]
    missing = Wanted(f"{group}.X", group, "task", 5, {"official": 0, "field": 4})
    assert share("field", [missing]) == ("field", steps[-1][1] - 4, 113, 117)
    many = missing._replace(flows={"official": 0, "field": 200})
    assert share("field", [many]).least == steps[1][1] <= flows


def test_what_is_known_here() -> None:
    known = known_types()
    prefix = "io.kestra.plugin.core."
    for name in ("log.Log", "flow.ForEach", "trigger.Schedule", "condition.Weekend", "execution.Labels"):
        assert known(prefix + name), name
    assert not known(prefix + "no.Such")


def test_it_prints(capsys) -> None:
    main(["--missing", "1"])
    shown = capsys.readouterr().out
    assert "flows   field" in shown
    main(["--json"])
    assert '"least"' in capsys.readouterr().out
