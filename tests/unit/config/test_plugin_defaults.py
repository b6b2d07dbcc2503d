"""Plugin defaults of the server: read from both places, and filled into flows."""

from pathlib import Path
from typing import Any

import pytest

from segue.bootstrap.plugin_defaults import plugin_defaults
from segue.config import ConfigurationError, load
from segue.domain.flow import parse_flow
from segue.domain.flow.parse import fill_defaults
from segue.plugins.registry import PluginRegistry

LOG = "io.kestra.plugin.core.log.Log"
TEXT = f"""
kestra:
  plugins:
    defaults:
      - {{type: {LOG}, values: {{level: WARN}}}}
    configurations:
      - {{type: io.kestra.plugin.core, values: {{retry: {{type: constant, interval: PT1S, maxAttempts: 2}}, outputs: x}}}}
    repositories: {{central: {{url: "https://example.org"}}}}
  tasks:
    defaults:
      - {{type: {LOG}, forced: true, values: {{logLevel: ERROR}}}}
"""
FLOW = f"""
id: f
namespace: a.b
pluginDefaults:
  - {{type: {LOG}, forced: true, values: {{logLevel: INFO}}}}
tasks:
  - {{id: one, type: {LOG}, message: x}}
  - {{id: two, type: {LOG}, message: x, level: DEBUG, logLevel: TRACE}}
"""


def defaults(folder: Path, text: str = TEXT) -> Any:
    path = folder / "segue.yml"
    path.write_text(text)
    return plugin_defaults(load(path, environ={}).configuration)


def test_defaults_of_the_server_are_filled_in(tmp_path: Path) -> None:
    report = parse_flow(FLOW, PluginRegistry(installed=False), defaults=defaults(tmp_path))
    one, two = report.valid_flow().tasks
    assert (one.log_level, two.log_level) == ("ERROR", "ERROR")  # of forced ones, those of the server win
    assert (one.properties["level"], two.properties["level"]) == ("WARN", "DEBUG")  # type: ignore[attr-defined]
    assert one.retry is not None
    assert one.retry.max_attempts == 2


def test_what_workers_get_reads_as_what_the_server_has(tmp_path: Path) -> None:
    types, entries = PluginRegistry(installed=False), defaults(tmp_path)
    here = parse_flow(FLOW, types, strict=False, defaults=entries)
    there = parse_flow(fill_defaults(FLOW, types, entries), types, strict=False)
    assert there.valid_flow().tasks == here.valid_flow().tasks
    assert there.dialect is here.dialect
    assert fill_defaults(FLOW, types, ()) == FLOW


@pytest.mark.parametrize("entry", ["{type: x}", "{values: {a: 1}}", "{type: x, values: {}}", "{type: x, value: {}}"])
def test_broken_entries_are_refused(entry: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"plugins\.defaults"):
        defaults(tmp_path, f"kestra: {{plugins: {{defaults: [{entry}]}}}}")


@pytest.mark.parametrize(("text", "folders"), [("/a", ["/a"]), ("/a, b/c", ["/a", "b/c"]), ("", [])])
def test_folders_of_plugins_from_the_environment(text: str, folders: list[str]) -> None:
    paths = load(environ={"SEGUE_PLUGINS_PATHS": text}).configuration.plugins.paths
    assert paths == tuple(map(Path, folders))
