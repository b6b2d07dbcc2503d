"""Python tasks with dependencies and warm interpreters: a real worker, a real package index (core plugins 17.6)."""

import asyncio
import re
import sys
from pathlib import Path

import pytest
from tests.unit.plugins.scripts.package_index import PackageIndex
from whole import open_whole

from segue.domain.execution.state import State
from segue.plugins.scripts.python import installers, preparation
from segue.plugins.scripts.python.environments import Environments
from segue.plugins.scripts.python.home import PythonHome, leave, settle
from segue.plugins.scripts.python.warm import WarmInterpreters

PYTHON = "io.kestra.plugin.scripts.python."


@pytest.fixture
async def whole(tmp_path):
    async with open_whole(tmp_path) as opened:
        yield opened


@pytest.fixture(params=[True, False], ids=["warm", "ordinary"])
async def home(tmp_path, request):
    warm = WarmInterpreters() if request.param and sys.platform == "linux" else None
    home = PythonHome(Environments(tmp_path / "environments"), warm)
    settle(home)
    yield home
    leave(home)
    if warm is not None:
        await warm.close()


@pytest.fixture
def index(tmp_path):
    with PackageIndex(tmp_path / "index") as index:
        index.add("seguealpha", "1.0")
        index.add("seguealpha", "2.0")
        yield index


def script(text, more=""):
    body = "".join(f"      {line}\n" for line in text.splitlines())
    return f"  - id: t\n    type: {PYTHON}Script\n{more}    script: |\n{body}"


def commands(*lines, more=""):
    body = "".join(f"      - {line}\n" for line in lines)
    return f"  - id: t\n    type: {PYTHON}Commands\n{more}    commands:\n{body}"


def depends(index, *lines, more=""):
    body = "".join(f"      - '{line}'\n" for line in lines)
    return f"    dependencies:\n{body}    env:\n      UV_DEFAULT_INDEX: {index.url}\n      PIP_INDEX_URL: {index.url}\n{more}"


async def run(whole, tasks, head=""):
    row, runs = await whole.run(tasks, head)
    found = await whole.stage.database.outputs.get_many([runs["t"].id])
    outputs = await whole.stage.outputs(runs["t"].id) if found else None
    lines = [
        line
        for line in await whole.stage.lines(runs["t"].id)
        if not re.match(
            "DEBUG The command runs|(INFO|DEBUG) (1 dependencies|The environment): (installed|found) in", line
        )
    ]
    return row.state, outputs, lines


def is_warm(home):
    return home.interpreters is not None


def served(home):
    return sum(template.served for template in home.interpreters.templates) if home.interpreters else 0


async def settled(home):
    """Wait for the templates that were begun."""
    for template in home.interpreters.templates if home.interpreters else ():
        assert await template.ready()


async def test_the_same_script_again_and_again(whole, home):
    text = "import os\nprint(__name__, os.environ['WHO'], true, false, null)\nfrom kestra import Kestra\nKestra.outputs({'n': 3})"
    for number in range(3):
        state, outputs, lines = await run(whole, script(text, "    env:\n      WHO: me\n"))
        assert (state, outputs) == (State.SUCCESS, {"vars": {"n": 3}, "exitCode": 0})
        assert lines == ["INFO __main__ me True False None"]
        await settled(home)
        assert served(home) == (number if is_warm(home) else 0)


async def test_a_failing_script_shows_its_traceback(whole, home):
    tasks = script("def f():\n  raise ValueError('no')\nf()")
    await run(whole, tasks)
    await settled(home)
    state, outputs, lines = await run(whole, tasks)
    assert (state, outputs) == (State.FAILED, {"vars": {}, "exitCode": 1})
    assert lines[0] == "ERROR Traceback (most recent call last):"
    assert lines[1].endswith('.py", line 6, in <module>')
    assert lines[-2:] == ["ERROR ValueError: no", "ERROR Command failed with exit code 1"]
    assert served(home) == (1 if is_warm(home) else 0)


async def test_a_timeout_ends_the_script(whole, home):
    tasks = script("import time\nprint('begun')\ntime.sleep(60)", "    timeout: PT2S\n")
    await run(whole, tasks)
    await settled(home)
    state, _, lines = await run(whole, tasks)
    assert (state, lines[0]) == (State.FAILED, "INFO begun")
    assert "Timeout" in lines[-1]
    assert not any(template.running for template in (home.interpreters.templates if home.interpreters else ()))


@pytest.mark.parametrize(
    "more",
    [
        "    beforeCommands: ['true']\n",
        "    interpreter: [/bin/sh, -e, -c]\n",
    ],
)
async def test_what_needs_a_shell_gets_one(whole, home, more):
    for _ in range(2):
        state, _, lines = await run(whole, script("print('hi')", more))
        assert (state, lines) == (State.SUCCESS, ["INFO hi"])
    assert served(home) == 0


@pytest.mark.parametrize("manager", ["UV", "PIP"])
async def test_dependencies_are_installed_once(whole, home, index, manager):
    text = "import seguealpha, sys\nprint(seguealpha.VERSION, 'environments' in sys.prefix)"
    tasks = script(text, depends(index, "seguealpha<2", more=f"    packageManager: {manager}\n"))
    asked = None
    for number in range(3):
        state, _, lines = await run(whole, tasks)
        assert (state, lines) == (State.SUCCESS, ["INFO 1.0 True"])
        asked = asked or len(index.requests)
        assert len(index.requests) == asked
        await settled(home)
        assert served(home) == (number if is_warm(home) else 0)


async def test_many_tasks_install_once(whole, home, index):
    text = "import seguealpha\nprint(seguealpha.VERSION)"
    found = await asyncio.gather(*(run(whole, script(text, depends(index, "seguealpha"))) for _ in range(4)))
    assert [lines for _, _, lines in found] == [["INFO 2.0"]] * 4
    assert len([path for path in index.requests if path.endswith("/simple/seguealpha/")]) == 1


async def test_commands_find_the_python_and_its_packages(whole, home, index):
    line = 'python -c "import seguealpha, sys; print(seguealpha.VERSION, sys.prefix)"'
    more = depends(index, "seguealpha==1.0")
    state, _, lines = await run(whole, commands(line, "echo $VIRTUAL_ENV", "command -v python", more=more))
    assert state is State.SUCCESS
    folder = lines[1].removeprefix("INFO ")
    assert lines == [f"INFO 1.0 {folder}", f"INFO {folder}", f"INFO {folder}/bin/python"]


async def test_a_file_of_requirements(whole, home, index):
    files = "    inputFiles:\n      requirements.txt: |\n        seguealpha==1.0  # old\n"
    tasks = commands("python -c 'import seguealpha'", more=depends(index, "-r requirements.txt", more=files))
    assert (await run(whole, tasks))[0] is State.SUCCESS


async def test_a_file_of_requirements_outside_of_the_working_directory(whole, home, index):
    state, _, lines = await run(whole, script("1", depends(index, "-r ../../etc/passwd")))
    assert state is State.FAILED
    assert "is outside of the working directory" in lines[-1]


async def test_an_environment_of_its_own_is_gone_afterwards(whole, home, index, tmp_path):
    more = depends(index, "seguealpha", more="    dependencyCacheEnabled: false\n")
    seen = set()
    for _ in range(2):
        state, _, lines = await run(whole, script("import sys, seguealpha\nprint(sys.prefix)", more))
        assert state is State.SUCCESS
        assert lines[0] not in seen
        seen.update(lines)
        assert not Path(lines[0].removeprefix("INFO ")).exists()
    assert not list((tmp_path / "environments" / "environments").iterdir())


async def test_the_version_of_python(whole, home):
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    text = "import sys\nprint('%d.%d' % sys.version_info[:2], sys.prefix != sys.base_prefix)"
    state, _, lines = await run(whole, script(text, f"    pythonVersion: '{own}'\n"))
    assert (state, lines) == (State.SUCCESS, [f"INFO {own} True"])


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("    dependencies: ['--target=/tmp/x']\n", "'--target=/tmp/x' is not allowed in `dependencies`"),
        ("    dependencies: ['{{ \"-e .\" }}']\n", "'-e .' is not allowed in `dependencies`"),
        ("    pythonVersion: latest\n", "`pythonVersion` must be a version such as 3.12 or 3.12.4, not 'latest'"),
        ("    dependencies: ['a b']\n", "'a b' in `dependencies` is no package specifier"),
        ("    dependencies: ['-r none.txt']\n", "the file 'none.txt' of `dependencies` cannot be read: No such file"),
    ],
)
async def test_wrong_properties(whole, home, more, message):
    state, _, lines = await run(whole, script("print(1)", more))
    assert state is State.FAILED
    assert message in lines[-1]


async def test_a_package_that_does_not_exist_is_named(whole, home, index):
    state, _, lines = await run(whole, script("1", depends(index, "segue-no-such-package")))
    assert state is State.FAILED
    assert "there is no package 'segue-no-such-package' in the package index" in lines[-1]


async def test_without_uv_pip_installs(whole, home, index, monkeypatch):
    monkeypatch.setattr(preparation, "find_uv", lambda: None)
    state, _, lines = await run(whole, script("import seguealpha", depends(index, "seguealpha")))
    assert (state, lines) == (State.SUCCESS, ["WARN uv is not installed on the worker; pip installs the dependencies"])
    more = depends(index, "seguealpha", more="    uvAutoInstallEnabled: false\n")
    state, _, lines = await run(whole, script("import seguealpha", more))
    assert (state, lines[-1].partition(":")[0]) == (State.FAILED, "ERROR uv is not installed on the worker")
    assert installers.find_uv() is not None


async def test_the_helper_reports_to_the_task(whole, home):
    text = (
        "from kestra import Kestra\n"
        "Kestra.counter('rows', 5, {'table': 'a'})\n"
        "Kestra.gauge('depth', 1.5)\n"
        "Kestra.timer('took', 2)\n"
        "Kestra.timer('called', lambda: None)\n"
        "log = Kestra.logger()\n"
        "log.debug('d'); log.info('i %s', 1); log.warning('w'); log.error('e')\n"
        "Kestra.outputs({'a': 1}); Kestra.outputs({'b': None})"
    )
    state, outputs, lines = await run(whole, script(text))
    assert (state, outputs["vars"]) == (State.SUCCESS, {"a": 1, "b": None})
    said = [(line.split()[0], line.split()[-1]) for line in lines]  # an installed library adds the time
    assert sorted(said) == [("DEBUG", "d"), ("ERROR", "e"), ("INFO", "1"), ("WARN", "w")]
    assert said.index(("DEBUG", "d")) < said.index(("INFO", "1"))


async def test_an_installed_library_wins_over_the_helper(whole, home, index):
    index.add("kestra", source="class Kestra:\n    mine = 'installed'\n")
    more = depends(index, "kestra")
    state, _, lines = await run(whole, script("from kestra import Kestra\nprint(Kestra.mine)", more))
    assert (state, lines) == (State.SUCCESS, ["INFO installed"])


async def test_a_file_beside_the_script_wins_over_the_helper(whole, home):
    more = "    inputFiles:\n      kestra.py: \"Kestra = 'mine'\"\n"
    state, _, lines = await run(whole, script("from kestra import Kestra\nprint(Kestra)", more))
    assert (state, lines) == (State.SUCCESS, ["INFO mine"])
