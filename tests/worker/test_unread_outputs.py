"""Outputs that no expression names are never read, however large they are (design, promise 6)."""

import pytest
from whole import open_whole

from segue.adapters.storages.local import LocalStorage
from segue.domain.execution.state import State

CORE = "io.kestra.plugin.core."
SIZE = 20_000_000
MAKERS = f"""
  - id: big
    type: test.Big
    size: {SIZE}
  - id: other
    type: test.Big
    size: 100000
  - id: small
    type: {CORE}debug.Return
    format: other
"""


@pytest.fixture
def opened(monkeypatch):
    """The URIs of all files that anybody opens, in order: nothing reaches a file but through the adapter."""
    uris = []
    get = LocalStorage.get

    def counted(self, tenant, uri, offset=0):
        uris.append(uri)
        return get(self, tenant, uri, offset)

    monkeypatch.setattr(LocalStorage, "get", counted)
    return uris


@pytest.fixture
async def whole(tmp_path):
    async with open_whole(tmp_path) as running:
        yield running


async def _end(whole, task, head=""):
    row, runs = await whole.run(MAKERS + task, head)
    assert row.state is State.SUCCESS
    for name, size in (("big", SIZE), ("other", 100_000)):
        assert runs[name].outputs.size > size
        assert runs[name].outputs.uri
    assert runs["small"].outputs.uri is None
    return runs


def _log(message):
    return f'  - id: last\n    type: {CORE}log.Log\n    message: "{message}"\n'


def _if(condition):
    return (
        f'  - id: if\n    type: {CORE}flow.If\n    condition: "{condition}"\n'
        f"    then:\n      - id: last\n        type: {CORE}log.Log\n        message: yes\n"
    )


NOTHING_STORED = [
    pytest.param(_log("{{ outputs['small'].value }}"), id="constant key"),
    pytest.param(_log("{{ outputs[outputs.small.value | replace({'other': 'small'})].value }}"), id="computed key"),
    pytest.param(_log("{% set o = outputs.small %}{{ o.value }}"), id="set"),
    pytest.param(_log("{{ outputs.big is defined }}").replace("outputs.big", "outputs.none"), id="missing"),
    pytest.param(_log("{{ tasks.big.state }} {{ inputs.x ?? vars.y ?? labels }}"), id="other roots"),
    pytest.param(_if("{{ outputs['small'].value == 'other' }}"), id="flowable"),
    pytest.param(_log("m") + "    runIf: \"{{ outputs.small.value == 'other' }}\"\n", id="runIf"),
    pytest.param(
        f"  - id: each\n    type: {CORE}flow.ForEach\n    values: [a, b]\n    tasks:\n      - id: in\n"
        f'        type: {CORE}log.Log\n        message: "{{{{ outputs.small.value ~ taskrun.value }}}}"\n',
        id="loop",
    ),
]


@pytest.mark.parametrize("task", NOTHING_STORED)
async def test_what_no_expression_names_is_never_opened(whole, opened, task):
    await _end(whole, task)
    assert opened == []


@pytest.mark.parametrize(
    "message",
    [
        "{{ outputs['other'].text | length }}",
        "{{ outputs[outputs.small.value].text | length }}",
        "{% set o = outputs.other %}{{ o.text | length }}",
        "{{ render('{{ outputs.other.text }}') | length }}",
    ],
)
async def test_of_large_outputs_only_the_named_one_is_opened(whole, opened, message):
    runs = await _end(whole, _log(message))
    assert set(opened) == {runs["other"].outputs.uri}
    assert await whole.stage.lines(runs["last"].id) == ["INFO 100000"]


async def test_naming_the_large_one_reads_exactly_it(whole, opened):
    runs = await _end(whole, _log("{{ outputs.big.text | length }} {{ outputs.big['text'] | first }}"))
    assert opened == [runs["big"].outputs.uri]
    assert await whole.stage.lines(runs["last"].id) == [f"INFO {SIZE} x"]


async def test_a_flowable_that_names_the_large_one_reads_exactly_it(whole, opened):
    runs = await _end(whole, _if("{{ (outputs.big.text | length) > 1 }}"))
    assert opened == [runs["big"].outputs.uri]
    assert runs["last"].state is State.SUCCESS


async def test_outputs_of_the_flow_read_what_they_name(whole, opened):
    head = 'outputs:\n  - id: o\n    type: STRING\n    value: "{{ outputs.small.value }}"\n'
    await _end(whole, _log("m"), head)
    assert opened == []
