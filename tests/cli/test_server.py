"""The server as a process: ready line, commands against it, signals, its worker."""

import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from tests.cli.command import EXAMPLES, segue
from tests.cli.running import FREE_PORTS, RunningServer, eventually, running

READY = re.compile(
    r"segue ready http=http://127\.0\.0\.1:\d+ management=http://127\.0\.0\.1:\d+ grpc=127\.0\.0\.1:\d+\n"
)
SLOW = """id: slow
namespace: company.team
tasks: [{id: wait, type: io.kestra.plugin.core.flow.Sleep, duration: PT60S}]
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One standalone server for the tests that do not end it."""
    with running(tmp_path_factory.mktemp("server"), *FREE_PORTS) as found:
        yield found


def client_options(server: RunningServer) -> list[str]:
    return ["--server", server.address("http")]


def test_it_prints_one_ready_line(server: RunningServer):
    assert READY.fullmatch(server.ready)
    assert len(server.stdout) == 1


def test_management_tells_health_and_version(server: RunningServer):
    health = httpx.get(f"{server.address('management')}/health").json()
    assert health["status"] == "UP"
    assert {"database", "executor", "controller", "worker-process", "http"} <= health["details"].keys()
    assert httpx.get(f"{server.address('management')}/version").json()["serverType"] == "STANDALONE"


def test_deploy_start_get_logs(server: RunningServer):
    options = client_options(server)
    deployed = segue("flow", "deploy", EXAMPLES, *options)
    assert deployed.returncode == 0, deployed.stderr
    assert "company.team.parallel-greetings revision 1" in deployed.stdout.splitlines()
    started = segue(
        *("execution", "start", "company.team", "parallel-greetings", "--follow"),
        *("--input", "name=Ada", "--input", "pause=PT0.1S", *options),
    )
    assert started.returncode == 0, started.stderr
    assert "Hello Ada!" in started.stdout
    execution_id = re.search(r"parallel-greetings  (\w+)", started.stdout)[1]
    shown = segue("execution", "get", execution_id, "--json", *options)
    assert json.loads(shown.stdout)["state"]["current"] == "SUCCESS"
    logs = segue("execution", "logs", execution_id, *options)
    assert "Bonjour Ada !" in logs.stdout


def test_a_webhook_starts_the_example(server: RunningServer):
    segue("flow", "deploy", EXAMPLES / "orders-by-webhook.yml", *client_options(server))
    base = f"{server.address('http')}/api/v1/main/executions"
    url = f"{base}/webhook/company.team/orders-by-webhook/order-placed-7f3a"
    for order, message in (
        ({"customer": "Ada", "total": 120}, "A large order of Ada: 120"),
        ({"customer": "Bob", "total": 5}, "An order of Bob"),
        (None, "An order of somebody"),
    ):
        execution_id = httpx.post(url, json=order).json()["id"]
        logs = f"{server.address('http')}/api/v1/main/logs/{execution_id}"
        eventually(lambda logs=logs, message=message: message in httpx.get(logs).text, message)
    assert httpx.post(url + "x").status_code == 404


def test_kill(server: RunningServer, tmp_path: Path):
    options = client_options(server)
    (tmp_path / "slow.yml").write_text(SLOW)
    assert segue("flow", "deploy", tmp_path, *options).returncode == 0
    execution_id = segue("execution", "start", "company.team", "slow", *options).stdout.strip()

    def state() -> str:
        return json.loads(segue("execution", "get", execution_id, "--json", *options).stdout)["state"]["current"]

    eventually(lambda: state() == "RUNNING", "the start")
    assert segue("execution", "kill", execution_id, *options).returncode == 0
    eventually(lambda: state() == "KILLED", "the kill")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["execution", "get", "nothing"], "nothing"),
        (["execution", "start", "company.team", "absent"], "absent"),
    ],
)
def test_what_the_server_refuses_is_one_line(server: RunningServer, arguments: list[str], message: str):
    done = segue(*arguments, *client_options(server))
    assert done.returncode == 1
    assert done.stderr.startswith("segue: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_deploying_a_broken_flow_names_file_and_fault(server: RunningServer, tmp_path: Path):
    (tmp_path / "broken.yml").write_text(SLOW.replace("flow.Sleep", "flow.Slep"))
    done = segue("flow", "deploy", tmp_path, *client_options(server))
    assert done.returncode == 1
    assert "broken.yml: " in done.stderr
    assert "io.kestra.plugin.core.flow.Slep" in done.stderr


def test_a_taken_port_is_named_with_the_way_out(server: RunningServer, tmp_path: Path):
    port = server.address("http").rpartition(":")[2]
    done = segue("server", "standalone", "--no-worker", *FREE_PORTS, "--port", port, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"segue: cannot listen on 127.0.0.1:{port}: Address already in use; choose another port with --port "
        "(0 takes a free one)"
    )


def test_a_worker_that_dies_is_replaced(server: RunningServer):
    worker = server.workers()[0]
    os.kill(worker.pid, signal.SIGKILL)
    eventually(lambda: any(w.pid != worker.pid for w in server.workers()), "a new worker")
    eventually(lambda: sum("worker started" in line for line in server.stderr) == 2, "the log line")
    result = segue("execution", "start", "company.team", "retry", "--follow", *client_options(server))
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_in_an_orderly_way(tmp_path: Path, number: int):
    with running(tmp_path, *FREE_PORTS) as server:
        workers = server.workers()
        assert server.stop(number) == 0
        assert not any(worker.is_running() for worker in workers)
        assert "standalone has stopped" in server.stderr[-1]
        assert "Traceback" not in "".join(server.stderr)


def test_the_worker_does_not_outlive_a_killed_server(tmp_path: Path):
    with running(tmp_path, *FREE_PORTS) as server:
        workers = server.workers()
        assert workers
        server.stop(signal.SIGKILL)
        _, alive = psutil.wait_procs(workers, timeout=5)
        assert not alive, alive


def test_no_worker_option(tmp_path: Path):
    with running(tmp_path, *FREE_PORTS, "--no-worker") as server:
        assert server.workers() == []


def test_credentials_are_asked_for_and_given(tmp_path: Path):
    settings = {"SEGUE_SERVER_BASIC_AUTH_USERNAME": "ann@example.com", "SEGUE_SERVER_BASIC_AUTH_PASSWORD": "Sesame-1"}
    with running(tmp_path, *FREE_PORTS, "--no-worker", env=settings) as server:
        options = ["flow", "deploy", str(EXAMPLES), *client_options(server)]
        refused = segue(*options)
        assert refused.returncode == 1
        assert "SEGUE_USER" in refused.stderr
        assert segue(*options, env={"SEGUE_USER": "ann@example.com:wrong"}).returncode == 1
        assert segue(*options, env={"SEGUE_USER": "ann@example.com:Sesame-1"}).returncode == 0
        server.stop()
        assert "Sesame-1" not in "".join(server.stderr)


def test_notes_about_the_configuration_are_in_the_log(tmp_path: Path):
    (tmp_path / "kestra.yml").write_text("kestra: {anonymous-usage-report: {enabled: false}}")
    with running(tmp_path, *FREE_PORTS, "--no-worker", "--config", "kestra.yml") as server:
        assert any("anonymous-usage-report is not used" in line for line in server.stderr)


def test_what_ran_is_there_after_a_restart(tmp_path: Path):
    with running(tmp_path, *FREE_PORTS) as server:
        segue("flow", "deploy", EXAMPLES, *client_options(server))
        started = segue("execution", "start", "company.team", "each-city", *client_options(server))
        server.stop(signal.SIGKILL)
    with running(tmp_path, *FREE_PORTS) as server:
        path = f"{server.address('http')}/api/v1/main/executions/{started.stdout.strip()}"
        eventually(lambda: httpx.get(path).json()["state"]["current"] == "SUCCESS", "the end of the execution", 40)


def test_triggers(server: RunningServer, tmp_path: Path):
    options = client_options(server)
    file = tmp_path / "flow.yaml"
    file.write_text("""id: nightly
namespace: company.triggers
inputs: [{id: who, type: STRING, defaults: nobody}]
triggers:
  - {id: night, type: io.kestra.plugin.core.trigger.Schedule, cron: "0 3 * * *"}
tasks: [{id: wait, type: io.kestra.plugin.core.flow.Sleep, duration: PT0.1S}]
""")
    assert segue("flow", "deploy", file, *options).returncode == 0
    key = ("company.triggers", "nightly", "night")

    def states(*arguments: str) -> list[dict[str, Any]]:
        done = segue("trigger", "list", "--namespace", "company.triggers", "--json", *arguments, *options)
        assert done.returncode == 0, done.stderr
        return [json.loads(line)["state"] for line in done.stdout.splitlines()]

    (state,) = states("--flow", "nightly", "--query", "NIGHT", "--state", "enabled")
    assert (state["kind"], state["disabled"]) == ("SCHEDULE", False)
    shown = segue("trigger", "list", "--namespace", "company.triggers", *options)
    assert "company.triggers" in shown.stdout
    disabled = segue("trigger", "disable", *key, *options)
    assert (disabled.returncode, disabled.stdout) == (0, "company.triggers.nightly.night disabled\n")
    assert states("--state", "enabled") == []
    enabled = segue("trigger", "enable", *key, *options)
    assert re.fullmatch(r"company\.triggers\.nightly\.night enabled, next \S+T03:00:00Z\n", enabled.stdout)
    refused = segue("trigger", "unlock", *key, *options)
    assert (refused.returncode, "Trigger is not locked" in refused.stderr) == (1, True)
    dates = ("--start", "2026-01-01T00:00:00Z", "--end", "2026-01-04T00:00:00Z")
    created = segue("trigger", "backfill", "create", *key, *dates, "-i", "who=Ada", "--label", "why:late", *options)
    assert (created.returncode, "backfill at 2026-01-01T" in created.stdout) == (0, True), created.stderr
    url = f"{server.address('http')}/api/v1/main/executions/search?namespace=company.triggers&state=SUCCESS"
    eventually(lambda: httpx.get(url).json()["total"] == 3, "three executions of the backfill", 40)
    found = httpx.get(f"{url}&filters[triggerId][EQUALS]=night&size=1").json()
    assert (found["total"], found["results"][0]["inputs"]) == (3, {"who": "Ada"})
    assert {"key": "why", "value": "late"} in found["results"][0]["labels"]
    for action in ("pause", "resume", "delete"):
        over = segue("trigger", "backfill", action, *key, *options)
        assert (over.returncode, "No backfill found" in over.stderr) == (1, True), action
    wrong = segue("trigger", "backfill", "create", *key, *dates, "-i", "who", *options)
    assert (wrong.returncode, "key=value" in wrong.stderr) == (1, True)
