"""The small ``kestra`` module that scripts find when nobody has installed the library."""

import os
import subprocess
import sys
from pathlib import Path

from segue.plugins.scripts.protocol import Entry, Message, Metric, read_line
from segue.plugins.scripts.python.home import STAND_IN
from segue.sdk import LogLevel


def run(text: str, *path: Path) -> subprocess.CompletedProcess[str]:
    """A script in a Python without any installed packages."""
    env = {"PYTHONPATH": os.pathsep.join(map(str, [STAND_IN, *path])), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run([sys.executable, "-S", "-c", text], env=env, capture_output=True, text=True, check=False)


def said(text: str) -> list[Message]:
    result = run(f"from kestra import Kestra\n{text}")
    assert result.stderr == ""
    found = [read_line(line) for line in result.stdout.splitlines()]
    assert all(isinstance(one, Message) for one in found)
    return [one for one in found if isinstance(one, Message)]


def test_outputs() -> None:
    assert said("Kestra.outputs({'a': [1, 'ä']}); Kestra.outputs({'b': None})") == [
        Message({"a": [1, "ä"]}),
        Message({"b": None}),
    ]


def test_metrics() -> None:
    text = (
        "Kestra.counter('c', 2, {'t': 'x'}); Kestra.gauge('g', 1.5); Kestra.timer('s', 3); Kestra.timer('f', lambda: 0)"
    )
    counter, gauge, timer, called = [message.metrics[0] for message in said(text)]
    assert counter == Metric("c", "counter", 2, {"t": "x"})
    assert gauge == Metric("g", "gauge", 1.5, {})
    assert (timer.name, timer.type, str(timer.value)) == ("s", "timer", "0:00:03")
    assert str(called.value).startswith("0:00:00")


def test_the_logger_keeps_levels() -> None:
    text = (
        "log = Kestra.logger(); assert log is Kestra.logger()\nlog.debug('d'); log.info('i %s', 1); log.log(5, 'never')"
    )
    assert [message.logs for message in said(text)] == [(Entry(LogLevel.DEBUG, "d"),), (Entry(LogLevel.INFO, "i 1"),)]
    result = run("from kestra import Kestra\nKestra.logger().warning('w'); Kestra.logger().critical('e')")
    found = [read_line(line) for line in result.stderr.splitlines()]
    assert [one.logs for one in found if isinstance(one, Message)] == [
        (Entry(LogLevel.WARN, "w"),),
        (Entry(LogLevel.ERROR, "e"),),
    ]


def test_what_it_has_not_is_said() -> None:
    assert "cannot import name 'Flow' from 'kestra'" in run("from kestra import Flow").stderr
    assert "add 'kestra' to `dependencies` for the library" in run("import kestra; kestra.Flow").stderr


def test_an_installed_library_takes_its_place(tmp_path: Path) -> None:
    (tmp_path / "kestra.py").write_text("class Kestra: mine = __file__\nclass Flow: pass\n")
    result = run(
        "import sys\nfrom kestra import Flow, Kestra\nprint(Kestra.mine, sys.modules['kestra'].Kestra is Kestra)",
        tmp_path,
    )
    assert result.stdout == f"{tmp_path / 'kestra.py'} True\n"
