"""``io.kestra.core.tasks.scripts``: the script tasks before there were plugins for them (core plugins 17.9)."""

import re
import secrets
import shlex
import shutil
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import model_validator

from segue.plugins.core.runner import Process
from segue.plugins.scripts.command import Shell, arguments
from segue.plugins.scripts.legacy_runner import with_task_runner
from segue.plugins.scripts.messages import Listener
from segue.plugins.scripts.scene import Scene
from segue.plugins.scripts.task import LegacyRunner, Text, failure_of
from segue.sdk import (
    AnyTaskRunner,
    Example,
    InputFiles,
    Output,
    Property,
    RunContext,
    RunnerCommand,
    RunnerResult,
    Task,
    TaskFailed,
)

_PACKAGE = "io.kestra.core.tasks.scripts."
_HELPERS = {
    "kestra.py": """import json


class Kestra:
    @staticmethod
    def _say(**message):
        print("::" + json.dumps(message) + "::", flush=True)

    @staticmethod
    def outputs(values):
        Kestra._say(outputs=values)

    @staticmethod
    def counter(name, value, tags=None):
        Kestra._say(metrics=[{"name": name, "type": "counter", "value": value, "tags": tags or {}}])

    @staticmethod
    def timer(name, seconds, tags=None):
        Kestra._say(metrics=[{"name": name, "type": "timer", "value": seconds, "tags": tags or {}}])
""",
    "kestra.js": """const say = (message) => console.log("::" + JSON.stringify(message) + "::");
const metric = (type) => (name, value, tags) => say({metrics: [{name, type, value, tags: tags || {}}]});
module.exports = {outputs: (values) => say({outputs: values}), counter: metric("counter"), timer: metric("timer")};
""",
}


class OldScriptOutput(Output):
    """What the program gave; `files` and `outputFiles` are the same."""

    vars: dict[str, Any]
    std_out_line_count: int
    std_err_line_count: int
    exit_code: int
    files: dict[str, str]
    output_files: dict[str, str]


class OldScript(Task, InputFiles):
    """Base of the three tasks."""

    runner: LegacyRunner = LegacyRunner.PROCESS
    """Where the commands run."""
    docker_options: dict[str, Any] | None = None
    """Properties of the Docker task runner, and `image`."""
    task_runner: AnyTaskRunner = Process()
    """Where the commands run, in place of `runner`."""
    container_image: Property[str] | None = None
    """The image, in place of that of `dockerOptions`."""
    interpreter: Property[str] = Property.of("/bin/sh")
    """The program that reads the commands."""
    interpreter_args: Property[list[Text]] = Property.of(["-c"])
    """Its arguments."""
    exit_on_failed: Property[bool] = Property.of(True)
    """Whether the first command that fails ends the task."""
    output_files: Property[list[str]] | None = None
    """Names of files to store; `{{ outputFiles.name }}` is the path to write to."""
    outputs_files: Property[list[str]] | None = None
    """Old name of `outputFiles`."""
    files: Property[list[str]] | None = None
    """Old name of `outputFiles`."""
    output_dirs: Property[list[str]] | None = None
    """Names of folders whose files are stored; `{{ outputDirs.name }}` is the path."""
    env: Property[dict[str, Text | None]] | None = None
    """Variables of the environment."""
    warning_on_std_err: Property[bool] | None = None
    """Has no effect."""

    @model_validator(mode="before")
    @classmethod
    def _modernised(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        docker = data.get("dockerOptions") if data.get("runner") == LegacyRunner.DOCKER else None
        changed = dict(with_task_runner({**data, "docker": docker}))
        del changed["docker"]
        return changed

    @abstractmethod
    async def commands_of(self, scene: Scene) -> list[str]:
        """The commands, rendered."""

    async def run(self, context: RunContext) -> OldScriptOutput:
        """Run the commands. Raises ``TaskFailed``, with outputs, when they end with another code than 0."""
        scene = Scene(context, self.task_runner, has_output_dir=False)
        places = _Places(scene)
        for names in (self.output_files, self.outputs_files, self.files):
            places.add_files([] if names is None else await context.render(names) or [])
        places.add_folders([] if self.output_dirs is None else await context.render(self.output_dirs) or [])
        scene.variables |= {"outputFiles": places.files, "temp": places.files, "outputDirs": places.folders}
        listener = Listener(context)
        try:
            command = await self._command(scene, listener)
            with context.insights.step("Command", runner=self.task_runner.type):
                result = await self.task_runner.run(context, command)
        finally:
            await scene.clear()
        return _checked(context, listener, result, await places.collect())

    async def _command(self, scene: Scene, listener: Listener) -> RunnerCommand:
        image = await scene.render(self.container_image) or "" if self.task_runner.needs_image else ""
        env = {} if self.env is None else await scene.render(self.env) or {}
        fail_fast = "set -o errexit" if await scene.render(self.exit_on_failed) is not False else ""
        interpreter = (await scene.render(self.interpreter), *(await scene.render(self.interpreter_args) or ()))
        commands = [await scene.with_files(each) for each in await self.commands_of(scene)]
        return RunnerCommand(
            arguments=tuple(arguments(Shell(interpreter, fail_fast), [], commands)),
            working_dir=scene.folder,
            on_line=listener.take,
            env={name: value for name, value in env.items() if value is not None},
            image=image,
            output_files=(f"{_Places.FOLDER}*/**",),
        )


class Bash(OldScript):
    """Runs commands in a shell (1.x). Use `io.kestra.plugin.scripts.shell.Commands`."""

    type: ClassVar[str] = _PACKAGE + "Bash"
    deprecated: ClassVar[str] = "Use `io.kestra.plugin.scripts.shell.Commands`."
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Store a file",
            f"id: bash\ntype: {_PACKAGE}Bash\noutputFiles: [report]\ncommands:\n"
            '  - echo "done" > {{ outputFiles.report }}',
        ),
    )

    commands: Property[list[Text]]
    """The commands, run in one shell."""

    async def commands_of(self, scene: Scene) -> list[str]:
        """As they are written."""
        return await scene.render(self.commands) or []


class Python(OldScript):
    """Runs the file `main.py` of `inputFiles` (1.x). Use `io.kestra.plugin.scripts.python.Script`."""

    type: ClassVar[str] = _PACKAGE + "Python"
    deprecated: ClassVar[str] = "Use `io.kestra.plugin.scripts.python.Commands`."
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Give an output",
            f"id: python\ntype: {_PACKAGE}Python\ninputFiles:\n  main.py: |\n"
            '    from kestra import Kestra\n    Kestra.outputs({"sum": 3})\n',
        ),
    )

    commands: Property[list[Text]] | None = None
    """The commands; without them `./bin/python main.py`."""
    args: Property[list[Text]] | None = None
    """Arguments of the program."""
    requirements: Property[list[str]] | None = None
    """Packages to install into the virtual environment."""
    virtual_env: Property[bool] = Property.of(True)
    """Whether a virtual environment is made in the working directory first."""
    python_path: Property[str] = Property.of("python")
    """The Python interpreter."""
    package_manager: Property[str] | None = None
    """Has no effect: packages are installed by pip."""

    async def commands_of(self, scene: Scene) -> list[str]:
        """The virtual environment, then the program. Raises ``TaskFailed`` without a `main.py`."""
        _need(scene, "main.py")
        _help(scene, "kestra.py")
        python = await scene.render(self.python_path) or "python"
        if not scene.runner.needs_image and shutil.which(python) is None and python == "python":
            python = "python3"
        before: list[str] = []
        if await scene.render(self.virtual_env):
            before = [f"{shlex.quote(python)} -m venv ."]
            python = "./bin/python"
            packages = [] if self.requirements is None else await scene.render(self.requirements) or []
            if packages:
                before.append(f"./bin/pip install --quiet {shlex.join(packages)}")
        if self.commands is not None:
            return [*before, *(await scene.render(self.commands) or [])]
        return [*before, shlex.join([python, "main.py", *await _arguments(scene, self.args)])]


class Node(OldScript):
    """Runs the file `main.js` of `inputFiles` (1.x). Use `io.kestra.plugin.scripts.node.Script`."""

    type: ClassVar[str] = _PACKAGE + "Node"
    deprecated: ClassVar[str] = "Use `io.kestra.plugin.scripts.node.Commands`."
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Give an output",
            f"id: node\ntype: {_PACKAGE}Node\ninputFiles:\n  main.js: |\n"
            '    const Kestra = require("./kestra")\n    Kestra.outputs({sum: 3})\n',
        ),
    )

    args: Property[list[Text]] | None = None
    """Arguments of the program."""
    node_path: Property[str] = Property.of("node")
    """The Node.js interpreter."""
    npm_path: Property[str] = Property.of("npm")
    """The package manager, which is run when there is a `package.json`."""

    async def commands_of(self, scene: Scene) -> list[str]:
        """Packages, then the program. Raises ``TaskFailed`` without a `main.js`."""
        _need(scene, "main.js")
        _help(scene, "kestra.js")
        node, npm = await scene.render(self.node_path), await scene.render(self.npm_path)
        install = [f"{shlex.quote(npm or 'npm')} i"] if (scene.folder / "package.json").is_file() else []
        return [*install, shlex.join([node or "node", "main.js", *await _arguments(scene, self.args)])]


class _Places:
    """Where the files and folders go that are stored afterwards: name to path, as the command finds it."""

    FOLDER = "outputs-"

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._folder = scene.folder / (self.FOLDER + secrets.token_hex(8))
        self.files: dict[str, str] = {}
        self.folders: dict[str, str] = {}

    def add_files(self, names: Sequence[str]) -> None:
        """Make empty files. Raises ``TaskFailed`` for names that are no relative paths."""
        for name in names:
            path = self._path(name)
            path.touch()
            self.files[name] = self._scene.path_of(path)

    def add_folders(self, names: Sequence[str]) -> None:
        """Make folders. Raises as ``add_files``."""
        for name in names:
            path = self._path(name)
            path.mkdir(exist_ok=True)
            self.folders[name] = self._scene.path_of(path)

    async def collect(self) -> dict[str, str]:
        """Store everything: names, and paths below those of folders, to URIs."""
        if not self.files and not self.folders:
            return {}
        prefix = f"{self._folder.name}/"
        found = await self._scene.context.files.collect([f"regex:{re.escape(prefix)}.*"])
        return {path.removeprefix(prefix): uri for path, uri in found.items()}

    def _path(self, name: str) -> Path:
        if name.startswith(("/", "~")) or ".." in Path(name).parts or not name.strip():
            raise TaskFailed(f"Invalid outputFile (only relative path is supported) for path '{name[:200]}'")
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def _need(scene: Scene, name: str) -> None:
    if not (scene.folder / name).is_file():
        raise TaskFailed(f"`inputFiles` needs a file {name}")


def _help(scene: Scene, name: str) -> None:
    """Put the helper of the language beside the program, unless there is a file of that name."""
    path = scene.folder / name
    if not path.exists():
        path.write_text(_HELPERS[name])


async def _arguments(scene: Scene, args: Property[list[str]] | None) -> list[str]:
    return [] if args is None else await scene.render(args) or []


def _checked(context: RunContext, listener: Listener, result: RunnerResult, files: dict[str, str]) -> OldScriptOutput:
    out, err = listener.counts.values()
    output = OldScriptOutput(
        vars=listener.vars,
        std_out_line_count=out,
        std_err_line_count=err,
        exit_code=result.exit_code,
        files=files,
        output_files=files,
    )
    failure = failure_of(context, listener, result.exit_code)
    if failure is not None:
        raise TaskFailed(failure, outputs=output)
    return output
