"""One run of a command in a container: from the image to the last trace removed (core plugins 15)."""

import asyncio
import json
import secrets
import tarfile

from segue.plugins.scripts.runner.docker import container as containers
from segue.plugins.scripts.runner.docker.container import Container, find_to_resume, to_the_end
from segue.plugins.scripts.runner.docker.creation import MACHINE, RESUMABLE, Wish, creation, labels_of, name_of
from segue.plugins.scripts.runner.docker.engine import Engine, EngineError
from segue.plugins.scripts.runner.docker.leases import take, this_machine
from segue.plugins.scripts.runner.docker.options import FileHandling
from segue.plugins.scripts.runner.docker.pull import provide_image
from segue.plugins.scripts.runner.docker.settings import Settings
from segue.plugins.scripts.runner.docker.sweep import sweep
from segue.sdk import RunContext, RunnerCommand, RunnerResult, TaskFailed


async def run_in_container(context: RunContext, command: RunnerCommand, settings: Settings) -> RunnerResult:
    """Run a command. Raises ``TaskFailed``; cancelled, it ends and removes the container before that is passed on."""
    async with Engine(settings.address) as engine:
        await sweep(engine)
        held = await find_to_resume(engine, context) if settings.resume and settings.wait else None
        if held is None:
            await provide_image(engine, context, settings.image, settings.policy, settings.login)
            held = _reserved(context, command, settings)
        else:
            context.logger.info("Goes on with the container %s, which another attempt has begun", held.id[:12])
        is_left = False
        try:
            sent: set[str] = set()
            if not held.is_resumed:
                sent = await _begin(engine, held, context, command, settings)
            if not settings.wait:
                is_left = True
                return RunnerResult(0, {"containerId": held.id})
            code = await _followed(engine, held, context, command, sent)
            is_left = not settings.delete
            return RunnerResult(code, {"containerId": held.id})
        except asyncio.CancelledError:
            await to_the_end(containers.stop(engine, held, settings.grace))
            raise
        except OSError as error:
            raise TaskFailed(f"The files of the working directory cannot be copied: {error}") from None
        finally:
            await to_the_end(_finish(engine, held, context, is_left=is_left))


def _reserved(context: RunContext, command: RunnerCommand, settings: Settings) -> Container:
    name = name_of(context, secrets.token_hex(4))
    folder = str(command.working_dir)
    output_dir = None if command.output_dir is None else str(command.output_dir)
    has_volume = settings.handling is FileHandling.VOLUME
    try:
        lease = take(name)
    except OSError as error:  # then nobody can tell whether it is held: it is neither taken over nor swept up
        context.logger.warn("There is no place for the locks of containers: %s", error)
        lease = None
    return Container(name, lease, folder=folder, output_dir=output_dir, has_volume=has_volume)


async def _begin(
    engine: Engine, held: Container, context: RunContext, command: RunnerCommand, settings: Settings
) -> set[str]:
    """Create and start the container; the paths of the files that were sent."""
    labels = labels_of(context)
    if settings.delete and settings.wait and held.lease is not None:
        labels[MACHINE] = this_machine()
        labels[RESUMABLE] = json.dumps(settings.resume and held.has_volume)
    mount = {"Type": "bind", "Source": held.folder, "Target": held.folder}
    if held.has_volume:
        await engine.ask("POST", "/volumes/create", body={"Name": held.name, "Labels": labels})
        mount |= {"Type": "volume", "Source": held.name}
    env = {**command.env, "WORKING_DIR": held.folder}
    if held.output_dir is not None:
        env["OUTPUT_DIR"] = held.output_dir
    body = creation(
        Wish(
            image=str(settings.image),
            arguments=command.arguments,
            env=env,
            folder=held.folder,
            labels=labels,
            user=settings.user,
            entry_point=settings.entry_point,
            ports=settings.ports,
            host={**settings.host_config, "Mounts": [mount]},
        )
    )
    with context.insights.step("Start container", image=str(settings.image), name=held.name) as step:
        try:
            created = await engine.ask("POST", "/containers/create", params={"name": held.name}, body=body)
        except EngineError as error:
            raise TaskFailed(f"The container cannot be created: {error.message}") from None
        held.id = created["Id"]
        step.set(containerId=held.id)
        for warning in created.get("Warnings") or ():
            context.logger.warn("%s", warning)
        sent = set() if not held.has_volume else await containers.send_files(engine, held, command.working_dir, context)
        try:
            await engine.ask("POST", f"/containers/{held.id}/start")
        except EngineError as error:
            raise TaskFailed(f"The container cannot be started: {error.message}") from None
    context.logger.debug("The command runs in the container %s", held.id[:12])
    return sent


async def _followed(
    engine: Engine, held: Container, context: RunContext, command: RunnerCommand, sent: set[str]
) -> int:
    code = await containers.follow(engine, held, command, context)
    if code != 0:
        details = await engine.ask("GET", f"/containers/{held.id}/json")
        if details["State"].get("OOMKilled"):
            context.logger.warn("The container was ended because it used more memory than it may")
    if held.has_volume:
        try:
            await containers.fetch_files(engine, held, command, context, sent)
        except tarfile.TarError as error:
            raise TaskFailed(f"The files of the container cannot be read: {error}") from None
    return code


async def _finish(engine: Engine, held: Container, context: RunContext, *, is_left: bool) -> None:
    """Remove the container unless it is to stay, and let go of it. What cannot be removed now is swept up later."""
    is_gone = False
    try:
        if not is_left:
            await containers.remove(engine, held.name, has_volume=held.has_volume)
        is_gone = True
    except TaskFailed as error:
        context.logger.warn("The container %s cannot be removed: %s", held.name, error.message)
    finally:
        if held.lease is not None:
            held.lease.release(is_gone=is_gone)
