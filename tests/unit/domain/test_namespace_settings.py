"""What flows get from their namespaces: joined over the levels, named by pins (flow language 2.5, 2.12, 14.5)."""

import pytest

from segue.domain.errors import SegueError
from segue.domain.namespace_settings import (
    NO_SETTINGS,
    NamespaceDefinition,
    default_faults,
    joined_settings,
    pinned_revisions,
)


def test_the_nearest_namespace_wins() -> None:
    far = NamespaceDefinition(variables={"a": 1, "m": {"x": 1, "y": 1}}, plugin_defaults=({"type": "far"},))
    near = NamespaceDefinition(variables={"b": 2, "m": {"y": 2}}, plugin_defaults=({"type": "near"},))
    settings = joined_settings("c.t.x", {"c": (3, far), "c.t.x": (7, near)})
    assert settings.pin == "7.0.3"
    assert settings.variables == {"a": 1, "b": 2, "m": {"x": 1, "y": 2}}
    assert [entry["type"] for entry in settings.plugin_defaults] == ["near", "far"]
    assert pinned_revisions("c.t.x", settings.pin) == [("c.t.x", 7), ("c", 3)]


def test_a_map_and_what_is_none_are_not_joined() -> None:
    settings = joined_settings(
        "c.t",
        {"c": (1, NamespaceDefinition(variables={"a": {"x": 1}})), "c.t": (1, NamespaceDefinition(variables={"a": 2}))},
    )
    assert settings.variables == {"a": 2}


def test_namespaces_that_give_nothing_are_not_pinned() -> None:
    only_words = NamespaceDefinition(description="a team")
    assert joined_settings("c.t", {"c.t": (4, only_words)}) is NO_SETTINGS
    assert joined_settings("c.t", {}) is NO_SETTINGS
    assert pinned_revisions("c.t", "") == []
    with_words = {"c.t": (4, only_words), "c": (2, NamespaceDefinition(variables={"a": 1}))}
    assert joined_settings("c.t", with_words).pin == "0.2"


@pytest.mark.parametrize("pin", ["1", "1.2.3", "x.1", "-1.0", "1.", "1.9999999999"])
def test_a_pin_of_another_namespace_is_refused(pin: str) -> None:
    with pytest.raises(SegueError, match="names no settings of the namespace"):
        pinned_revisions("c.t", pin)


def test_faults_of_defaults_name_their_place() -> None:
    entries = [{"type": "ok", "values": {}}, {"type": " ", "values": []}, {"type": "t", "values": {}, "ref": 1}]
    assert [path for path, _ in default_faults(entries)] == [
        "pluginDefaults[1].type",
        "pluginDefaults[1].values",
        "pluginDefaults[2].ref",
    ]
