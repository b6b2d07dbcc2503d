"""``io.kestra.plugin.scripts.runner.docker.Docker`` (core plugins 15)."""

from datetime import timedelta
from typing import Any, ClassVar

from pydantic import Field

from segue.plugins.scripts.runner.docker.options import (
    Cpu,
    Credentials,
    DeviceRequest,
    FileHandling,
    Memory,
    PullPolicy,
)
from segue.sdk import Duration, Example, Property, RunContext, RunnerCommand, RunnerResult, TaskRunner

_TYPE = "io.kestra.plugin.scripts.runner.docker.Docker"


class Docker(TaskRunner):
    """Runs commands in containers, on an engine that speaks Docker's API: Docker or Podman.

    The image is that of the task's `containerImage`. The working directory is copied into the container and back. A
    container is labelled with what it runs for (`kestra.io/execution-id` ...), gets none of the worker's environment,
    and is removed after the run, also when the task is killed or out of time.
    """

    type: ClassVar[str] = _TYPE
    needs_image: ClassVar[bool] = True
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Run a script in an image, with limits",
            "id: sum\ntype: io.kestra.plugin.scripts.python.Script\ncontainerImage: python:3.13-slim\n"
            f"taskRunner:\n  type: {_TYPE}\n  cpu:\n    cpus: 1.5\n  memory:\n    memory: 512MB\n"
            "script: |\n  print(1 + 2)",
        ),
        Example(
            "Use an image of a private registry",
            "id: report\ntype: io.kestra.plugin.scripts.shell.Commands\n"
            "containerImage: registry.example.com/report:1.2\n"
            f"taskRunner:\n  type: {_TYPE}\n  pullPolicy: ALWAYS\n  credentials:\n    username: reader\n"
            "    password: \"{{ secret('REGISTRY_PASSWORD') }}\"\ncommands:\n  - make-report",
        ),
    )

    host: Property[str] | None = None
    """Where the engine is: `unix:///path`, `tcp://host:port`, `https://host:port`. Without it the worker's
    `DOCKER_HOST`, else the first socket there is of Docker and Podman."""
    config: str | dict[str, Any] | None = None
    """A Docker config file as a map or JSON text: its `auths` are used. Without it that of the worker's user."""
    credentials: Credentials | None = None
    """How to log in to the registry of the image."""
    user: Property[str] | None = None
    """User in the container, by name or number; that of the image unless given."""
    entry_point: Property[list[str]] = Property.of([""])
    """The program that gets the command as arguments; none unless given, whatever the image says."""
    extra_hosts: Property[list[str]] | None = None
    """Names of hosts and their addresses, as `name:address`."""
    network_mode: Property[str] | None = None
    """The network: `bridge`, `host`, `none` or the name of one."""
    port_bindings: Property[list[str]] | None = None
    """Ports to open on the engine's machine, as `ip:host:container/proto`."""
    volumes: Property[list[str]] | None = None
    """Folders of the engine's machine, as `host:container`. Only where the worker's configuration allows it, with
    `volume-enabled`."""
    pull_policy: Property[PullPolicy] = Property.of(PullPolicy.IF_NOT_PRESENT)
    """When the image is fetched from its registry."""
    device_requests: list[DeviceRequest] | None = None
    """Devices, such as graphics processors."""
    cpu: Cpu | None = None
    """How much of the processors it gets."""
    memory: Memory | None = None
    """How much memory it gets."""
    shm_size: Property[str] | None = None
    """Size of `/dev/shm`, such as `64MB`."""
    privileged: Property[bool] | None = None
    """Whether it may do all that the engine's machine may."""
    file_handling_strategy: Property[FileHandling] = Property.of(FileHandling.VOLUME)
    """How files get into the container: copied into a volume of its own, or `MOUNT`: the worker's folder itself, which
    the engine then has to find at the same path."""
    delete: Property[bool] = Property.of(True)
    """Whether the container is removed after the run."""
    wait: Property[bool] = Property.of(True)
    """Whether to wait for the end. If not, the exit code is 0, and the container is left to itself."""
    kill_grace_period: Duration = Field(default=timedelta(0))
    """The time between SIGTERM and SIGKILL when the task is killed or out of time; none unless given."""
    resume: Property[bool] = Property.of(True)
    """Whether the next attempt takes over the container of a worker that was lost."""

    async def run(self, context: RunContext, command: RunnerCommand) -> RunnerResult:
        """Run the command in a container. See ``TaskRunner.run``."""
        # The HTTP client is loaded when a container runs, not when a flow that names one is read.
        from segue.plugins.scripts.runner.docker.run import run_in_container
        from segue.plugins.scripts.runner.docker.settings import rendered

        return await run_in_container(context, command, await rendered(self, context, command))
