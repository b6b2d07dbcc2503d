"""Every role in a process of its own, on one database and one queue."""

from contextlib import ExitStack
from pathlib import Path

from tests.cli.command import segue
from tests.cli.running import eventually, running

CONFIGURATION = """
segue:
  data-dir: {folder}
  queue: {{type: sqlite}}
  server: {{port: 0, management-port: 0}}
  controller: {{port: 0, registration-token: only-for-this-test}}
"""

FLOW = """
id: hello
namespace: company.team
tasks: [{id: say, type: io.kestra.plugin.core.log.Log, message: Hello}]
"""


def test_roles_run_flows_together(tmp_path: Path):
    (tmp_path / "segue.yml").write_text(CONFIGURATION.format(folder=tmp_path / "data"))
    options = ["--config", "segue.yml"]
    with ExitStack() as stack:
        servers = {
            role: stack.enter_context(running(tmp_path, *options, role=role))
            for role in ("executor", "scheduler", "controller", "webserver")
        }
        grpc = servers["controller"].address("grpc")
        servers["worker"] = stack.enter_context(running(tmp_path, *options, "--controller", grpc, role="worker"))
        assert "http=" not in servers["worker"].ready
        assert "management=" in servers["worker"].ready
        api = ["--server", servers["webserver"].address("http")]
        (tmp_path / "hello.yml").write_text(FLOW)
        deployed = segue("flow", "deploy", tmp_path / "hello.yml", *api)
        assert deployed.returncode == 0, deployed.stderr
        # Processes hear of each other's work on SQLite when they look again, so a step takes up to 2 s.
        done = segue("execution", "start", "company.team", "hello", "--follow", *api)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Hello" in done.stdout
        for name, server in servers.items():
            assert server.stop() == 0, name
            assert "Traceback" not in "".join(server.stderr), name


def test_a_worker_with_the_wrong_token_gets_nothing(tmp_path: Path):
    (tmp_path / "segue.yml").write_text(CONFIGURATION.format(folder=tmp_path / "data"))
    with running(tmp_path, "--config", "segue.yml", role="controller") as controller:
        settings = {"SEGUE_WORKER_REGISTRATION_TOKEN": "guessed"}
        options = ["--config", "segue.yml", "--controller", controller.address("grpc")]
        with running(tmp_path, *options, role="worker", env=settings) as worker:
            eventually(lambda: any("registration token is wrong" in line for line in worker.stderr), "the refusal")
            assert "guessed" not in "".join(worker.stderr)
        assert not any("connected" in line for line in controller.stderr)
