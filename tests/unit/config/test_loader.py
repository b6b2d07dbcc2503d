"""Configuration: sources and their order, spellings, errors."""

from datetime import timedelta
from pathlib import Path

import pytest

from segue.config import ConfigurationError, load
from segue.config.sections import QueueType


def write(folder: Path, text: str) -> Path:
    path = folder / "segue.yml"
    path.write_text(text)
    return path


def test_nothing_given_means_sqlite_memory_and_loopback():
    configuration = load(environ={}).configuration
    assert configuration.queue.type is QueueType.MEMORY
    assert configuration.repository.type == "sqlite"
    assert configuration.server.host == "127.0.0.1"


@pytest.mark.parametrize(
    "text",
    [
        "segue: {storage: {local: {base-path: /srv/files}}}",
        "segue: {storage: {local: {basePath: /srv/files}}}",
        "kestra: {storage: {local: {base-path: /srv/files}}}",
        "segue.storage.local.base-path: /srv/files",
        "segue: {storage.local.base-path: /srv/files}",
    ],
)
def test_every_spelling_of_a_key_is_read(tmp_path: Path, text: str):
    loaded = load(write(tmp_path, text), environ={})
    assert loaded.configuration.storage.local.base_path == Path("/srv/files")
    assert loaded.notes == ()


def test_options_win_over_environment_over_file(tmp_path: Path):
    path = write(tmp_path, "segue: {server: {port: 1, management-port: 1}, controller: {port: 1}}")
    environ = {"SEGUE_SERVER_MANAGEMENT_PORT": "2", "SEGUE_CONTROLLER_PORT": "2"}
    configuration = load(path, environ, {"controller.port": 3, "server.port": None}).configuration
    ports = configuration.server.port, configuration.server.management_port, configuration.controller.port
    assert ports == (1, 2, 3)


def test_the_file_can_be_named_and_the_text_given_by_the_environment(tmp_path: Path):
    path = write(tmp_path, "segue: {url: http://file, data-dir: /srv}")
    environ = {"KESTRA_CONFIGURATION_PATH": str(path), "SEGUE_CONFIGURATION": "segue: {url: 'http://text'}"}
    configuration = load(environ=environ).configuration
    assert (configuration.url, configuration.data_dir) == ("http://text", Path("/srv"))


@pytest.mark.parametrize(
    "name",
    [
        "SEGUE_SERVER_BASIC_AUTH_USERNAME",
        "SEGUE_SERVER_BASIC__AUTH_USERNAME",
        "KESTRA_SERVER_BASIC_AUTH_USERNAME",
    ],
)
def test_hyphens_in_variable_names(name: str):
    assert load(environ={name: "ann"}).configuration.server.basic_auth.username == "ann"


def test_segue_variables_win_over_those_of_kestra():
    environ = {"SEGUE_QUEUE_TYPE": "sqlite", "KESTRA_QUEUE_TYPE": "redis"}
    assert load(environ=environ).configuration.queue.type is QueueType.SQLITE


def test_lists_and_maps_from_variables():
    environ = {
        "SEGUE_WORKER_QUEUES": "gpu, default",
        "SEGUE_VARIABLES_GLOBALS": '{"team": "data"}',
        "SEGUE_WORKER_CONTROLLERS_STATIC_ENDPOINTS": "[{host: one, port: 1}]",
    }
    configuration = load(environ=environ).configuration
    assert configuration.worker.queues == ("gpu", "default")
    assert configuration.variables.globals == {"team": "data"}
    assert configuration.worker.controllers.static.endpoints[0].host == "one"


def test_placeholders(tmp_path: Path):
    path = write(tmp_path, "segue: {url: '${SCHEME:http}://${HOST:localhost}', redis: {url: '${REDIS}'}}")
    configuration = load(path, {"REDIS": "redis://r", "HOST": "h"}).configuration
    assert (configuration.url, configuration.redis.url) == ("http://h", "redis://r")


def test_a_placeholder_without_value_names_key_and_variable(tmp_path: Path):
    with pytest.raises(ConfigurationError, match=r"segue\.url: the environment variable HOST is not set"):
        load(write(tmp_path, "segue: {url: '${HOST}'}"), {})


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("jdbc:postgresql://db:5432/flows", "postgresql+psycopg://ann:p%40ss@db:5432/flows"),
        ("postgresql://db/flows", "postgresql+psycopg://ann:p%40ss@db/flows"),
        ("postgresql://bob:x@db/flows", "postgresql+psycopg://bob:x@db/flows"),
        ("jdbc:postgresql://db/f?sslmode=require&prepareThreshold=0", "postgresql+psycopg://ann:p%40ss@db/f?sslmode=require"),
        ("sqlite:///data/f.db", "sqlite:///data/f.db"),
    ],
)  # fmt: skip
def test_data_source_addresses(tmp_path: Path, url: str, address: str):
    text = f"datasources: {{postgres: {{url: '{url}', username: ann, password: p@ss, driverClassName: x}}}}"
    configuration = load(write(tmp_path, text), {}).configuration
    assert configuration.datasources["postgres"].address() == address
    assert "p@ss" not in repr(configuration)


def test_data_sources_from_variables():
    environ = {
        "DATASOURCES_POSTGRES_URL": "postgresql://a/b",
        "SEGUE_DATASOURCES_POSTGRES_PASSWORD": "secret",
    }
    loaded = load(environ=environ)
    assert loaded.configuration.datasources["postgres"].address() == "postgresql+psycopg://a/b"
    assert loaded.notes == ()


def test_unsupported_database_is_named_without_the_url(tmp_path: Path):
    source = load(write(tmp_path, "datasources: {m: {url: 'jdbc:mysql://u:secret@h/d'}}"), {})
    with pytest.raises(ConfigurationError, match=r"begins with `mysql:`") as caught:
        source.configuration.datasources["m"].address()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("segue: {queue: {tpye: sql}}", r"segue\.queue: unknown key `tpye`; did you mean `type`\?"),
        ("segue: {colour: red}", r"segue: unknown key `colour`; known here: url, data-dir"),
        ("segue: {queue: {type: kafka}}", r"segue\.queue\.type: input should be 'memory'"),
        ("segue: {server: {port: 70000}}", r"segue\.server\.port: input should be less than or equal"),
        ("segue: {server: 8080}", r"segue\.server: a map is needed here"),
        ("segue: {url: x", r"segue\.yml:2:1|segue\.yml:1:\d+"),
        ("- a", r"the configuration is a map"),
        ("datasources: {postgres: {}}", r"datasources\.postgres\.url: field required"),
        ("datasources: {postgres: {url: x, usernme: y}}", r"unknown key `usernme`; did you mean `username`"),
        ("datasources: {postgres: text}", r"datasources\.postgres: a map with `url` is needed"),
    ],
)  # fmt: skip
def test_errors_name_the_place(tmp_path: Path, text: str, message: str):
    with pytest.raises(ConfigurationError, match=message):
        load(write(tmp_path, text), {})


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(ConfigurationError, match=r"absent\.yml cannot be read: No such file"):
        load(tmp_path / "absent.yml", {})


def test_keys_of_the_original_alone_are_noted(tmp_path: Path):
    text = """
kestra:
  server: {liveness: {interval: 5s}, basic-auth: {username: a@b.c, password: Secret1234}}
  queue: {type: postgres, postgres: {disable-seq-scan: true}}
  worker: {controllers: {type: STATIC, static: {endpoints: [{host: h, port: 7}]}}}
  anonymous-usage-report: {enabled: false}
micronaut: {server: {port: 9000}}
otel: {x: 1}
"""
    loaded = load(write(tmp_path, text), {})
    assert loaded.configuration.server.port == 9000
    assert loaded.configuration.server.basic_auth.credentials == ("a@b.c", "Secret1234")
    noted = "\n".join(loaded.notes)
    for key in ("server.liveness", "queue.postgres", "controllers.type", "anonymous-usage-report", "`otel`"):
        assert key in noted
    assert "Secret1234" not in noted


def test_a_variable_of_ours_that_means_nothing_is_noted():
    assert load(environ={"SEGUE_QUEU_TYPE": "sql"}).notes == (
        "environment variable SEGUE_QUEU_TYPE is no known setting",
    )


@pytest.mark.parametrize(("text", "seconds"), [("PT1M30S", 90), ("90s", 90), ("1500ms", 1.5), ("2m", 120), ("7", 7)])
def test_durations(text: str, seconds: float):
    environ = {"SEGUE_SERVER_TERMINATION_GRACE_PERIOD": text}
    expected = timedelta(seconds=seconds)
    assert load(environ=environ).configuration.server.termination_grace_period == expected


def test_sizes():
    environ = {"SEGUE_SERVER_MAX_REQUEST_SIZE": "10MB"}
    assert load(environ=environ).configuration.server.max_request_size == 10 * 1024**2


def test_log_levels_of_the_original(tmp_path: Path):
    loaded = load(write(tmp_path, "logger: {levels: {segue.services: DEBUG}}"), {})
    assert loaded.configuration.log_levels == {"segue.services": "DEBUG"}


@pytest.mark.parametrize(
    ("written", "dialect"),
    [("1.x", "1.x"), ("2.0", "2.0"), ("1", "1.x"), ("2", "2.0"), ("'1.3.2'", "1.x"), ("v2", "2.0")],
)
def test_the_dialect_of_expressions_is_a_release(tmp_path: Path, written: str, dialect: str):
    loaded = load(write(tmp_path, f"segue: {{expressions: {{dialect: {written}}}}}"), environ={})
    assert loaded.configuration.expressions.dialect.value == dialect


def test_an_unknown_dialect_is_refused(tmp_path: Path):
    with pytest.raises(ConfigurationError, match="dialect"):
        load(write(tmp_path, "segue: {expressions: {dialect: 3}}"), environ={})
