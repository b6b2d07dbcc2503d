import pytest

from segue.domain.errors import UnavailableError
from segue.domain.flow import parse_flow
from segue.plugins.core.debug import Return
from segue.plugins.core.log import Log
from segue.plugins.registry import PluginRegistry

REGISTRY = PluginRegistry(installed=False)


def test_every_core_type_can_be_loaded_and_names_itself():
    for name in REGISTRY.types():
        plugin = REGISTRY.load(name)
        assert (REGISTRY.find(name) or REGISTRY.find_runner(name) or REGISTRY.find_trigger(name)) is plugin
        assert plugin.type == name
        assert all(REGISTRY.canonical(alias) == name for alias in plugin.aliases)


@pytest.mark.parametrize(
    ("name", "plugin"),
    [
        ("io.kestra.plugin.core.log.Log", Log),
        ("io.kestra.core.tasks.log.Log", Log),
        ("IO.KESTRA.core.tasks.log.log", Log),
        ("io.kestra.core.tasks.debugs.Return", Return),
        ("io.kestra.plugin.core.log.log", None),
        ("io.kestra.plugin.core.log.Nothing", None),
    ],
)
def test_names_match_exactly_and_aliases_whatever_their_case(name, plugin):
    assert REGISTRY.find(name) is plugin


@pytest.mark.parametrize("path", ["no.such.module:Task", "segue.sdk:Nothing", "segue.sdk:LogLevel"])
def test_a_plugin_that_cannot_be_loaded_names_what_is_missing(path):
    registry = PluginRegistry({"test.Broken": path}, installed=False)
    with pytest.raises(UnavailableError, match=r"test\.Broken"):
        registry.find("test.Broken")


def test_the_parser_finds_faults_in_the_properties_of_plugins():
    report = parse_flow(
        "id: f\nnamespace: a\ntasks:\n"
        "  - id: a\n    type: io.kestra.plugin.core.log.Log\n    level: LOUD\n    colour: red\n"
        "  - id: b\n    type: io.kestra.plugin.core.log.Nothing\n"
        "  - id: c\n    type: io.kestra.plugin.core.log.Log\n    message: '{{ x }}'\n    level: '{{ y }}'\n",
        REGISTRY,
    )
    found = [(fault.path, fault.line) for fault in report.violations]
    assert found == [
        ("tasks[0].message", 4),
        ("tasks[0].level", 6),
        ("tasks[0].colour", 7),
        ("tasks[1].type", 9),
    ]


def test_a_stored_flow_is_read_without_loading_its_plugins() -> None:
    registry = PluginRegistry({"a.Broken": "no.such.module:Task"}, installed=False)
    text = "id: f\nnamespace: a.b\ntasks: [{id: t, type: a.Broken}, {id: u, type: io.kestra.core.tasks.log.Log, message: x}]\n"
    report = parse_flow(text, registry, strict=False)
    assert [task.id for task in report.valid_flow().tasks] == ["t", "u"]
    assert report.deprecation_paths == ("tasks[1].type",)


PROCESS = "io.kestra.plugin.core.runner.Process"
SHELL = "io.kestra.plugin.scripts.shell.Commands"


@pytest.mark.parametrize(
    ("runner", "path", "message"),
    [
        (f"{{type: {PROCESS}, colour: red}}", "taskRunner.colour", 'Unrecognized field "colour"'),
        ("{type: no.Such}", "taskRunner.type", "Invalid type: no.Such"),
        (f"{{type: {SHELL}}}", "taskRunner.type", f"Invalid type: {SHELL}"),
        ("{type: a.Broken}", "taskRunner.type", "The plugin 'a.Broken' cannot be loaded"),
        ("{}", "taskRunner.type", "must not be null"),
        ("{type: 5}", "taskRunner.type", "must be a text"),
        (PROCESS, "taskRunner", "must be an object"),
    ],
)
def test_a_task_runner_is_checked_when_the_flow_is_read(runner: str, path: str, message: str) -> None:
    registry = PluginRegistry({"a.Broken": "no.such.module:Task"}, installed=False)
    source = f"id: f\nnamespace: a\ntasks:\n  - id: t\n    type: {SHELL}\n    commands: [ls]\n    taskRunner: "
    assert parse_flow(f"{source}{{type: {PROCESS}}}\n", registry).violations == ()
    (fault,) = parse_flow(f"{source}{runner}\n", registry).violations
    assert fault.path == f"tasks[0].{path}"
    assert message in fault.message


@pytest.mark.parametrize(
    ("task", "path", "message"),
    [
        ("log.Log, message: {a: b}", "message", "Invalid message type: it must be a text or a list of texts"),
        ("log.Log, message: [a, [b]]", "message", "Invalid message type: it must be a text or a list of texts"),
        ("log.Log, message: true", "message", "Invalid message type: it must be a text or a list of texts"),
        ("metric.Publish, metrics: [{type: counter, name: n}]", "metrics[0].value", "must not be null"),
        (
            "metric.Publish, metrics: [{type: gauge, name: n, value: 1, x: 2}]",
            "metrics[0].x",
            'Unrecognized field "x"',
        ),
        (
            "namespace.DeleteFiles, namespace: a, files: {a: b}",
            "files",
            "must be a list, or must be a valid string",
        ),
    ],
)
def test_faults_have_the_place_in_the_text_and_one_message(task: str, path: str, message: str) -> None:
    source = f"id: f\nnamespace: a\ntasks:\n  - {{id: t, type: io.kestra.plugin.core.{task}}}\n"
    (fault,) = parse_flow(source, REGISTRY).violations
    assert (fault.path, fault.message, fault.line) == (f"tasks[0].{path}", message, 4)


@pytest.mark.parametrize(
    ("task", "paths"),
    [
        ("io.kestra.plugin.core.debug.Echo, format: x", ("type",)),
        ("io.kestra.core.tasks.states.Get", ("type",)),
        ("io.kestra.plugin.core.storage.LocalFiles", ("type",)),
        ("io.kestra.plugin.core.kv.PurgeKV, expiredOnly: true", ("expiredOnly",)),
        ("io.kestra.plugin.core.http.Request, uri: 'http://a', allowFailed: true", ("allowFailed",)),
        (
            "io.kestra.plugin.core.http.Request, uri: 'http://a', options: {basicAuthUser: a, basicAuthPassword: b}",
            ("options.basicAuthUser", "options.basicAuthPassword"),
        ),
        (f"{SHELL}, commands: [ls], runner: PROCESS, outputDirectory: true", ("outputDirectory", "runner")),
        (f"{SHELL}, commands: [ls]", ()),
        ("io.kestra.plugin.core.log.Log, message: x", ()),
    ],
)
def test_what_is_deprecated_is_reported_and_still_valid(task: str, paths: tuple[str, ...]) -> None:
    source = f"id: f\nnamespace: a\ntasks:\n  - {{id: t, type: {task}}}\n"
    report = parse_flow(source, REGISTRY)
    assert report.violations == ()
    assert report.deprecation_paths == tuple(f"tasks[0].{path}" for path in paths)


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        ("commands: echo hi", "commands", "must be a list, or a text that gives one as JSON"),
        ("commands: {a: b}", "commands", "must be a list"),
        ("commands: [{echo: x}]", "commands[0]", "must be a valid string"),
        ("beforeCommands: [ls]", "commands", "must not be null"),
        ("commands: [ls]\n    env: [a]", "env", "must be an object"),
        ("commands: [ls]\n    env: A=1", "env", "must be an object, or a text that gives one as JSON"),
        ("commands: [ls]\n    env: {A: {b: c}}", "env.A", "must be a valid string"),
        ("commands: [ls]\n    failFast: maybe", "failFast", "must be a valid boolean, unable to interpret input"),
        ("commands: [ls]\n    targetOS: MAC", "targetOS", "must be one of 'LINUX', 'WINDOWS' or 'AUTO'"),
        ("commands: [ls]\n    runner: SSH", "runner", "must be one of 'PROCESS' or 'DOCKER'"),
        ("commands: [ls]\n    colour: red", "colour", 'Unrecognized field "colour"'),
    ],
)
def test_what_script_tasks_say_of_wrong_properties(text: str, path: str, message: str) -> None:
    source = f"id: f\nnamespace: a\ntasks:\n  - id: t\n    type: {SHELL}\n    {text}\n"
    (fault,) = parse_flow(source, REGISTRY).violations
    assert (fault.path, fault.message) == (f"tasks[0].{path}", message)


def test_a_task_runner_is_no_task_and_a_task_no_trigger() -> None:
    source = f"id: f\nnamespace: a\ntasks:\n  - {{id: t, type: {PROCESS}}}\ntriggers:\n  - {{id: u, type: {SHELL}}}\n"
    found = [(fault.path, fault.message) for fault in parse_flow(source, REGISTRY).violations]
    assert found == [
        ("tasks[0].type", f"Invalid type: {PROCESS}"),
        ("triggers[0].type", f"Invalid type: {SHELL}"),
    ]


def test_only_what_is_neither_task_nor_runner_is_unknown_to_both() -> None:
    assert REGISTRY.find(PROCESS) is None
    assert REGISTRY.find_runner(SHELL) is None
    assert REGISTRY.find_runner(PROCESS.lower()) is None
    assert REGISTRY.resolve(PROCESS).kind == "task_runner"


def test_code_for_a_java_virtual_machine_is_refused_with_a_reason() -> None:
    source = "id: f\nnamespace: a\ntasks:\n  - {id: t, type: io.kestra.plugin.scripts.jython.Eval, script: x}\n"
    (fault,) = parse_flow(source, REGISTRY).violations
    assert fault.path == "tasks[0].type"
    assert "use a Script task of the language" in fault.message
