"""How fixtures reach an execution (flow language 11.8), and which are refused."""

import json

import pytest

from .conftest import Server, flow

URL = "/api/v1/main/executions/company.team/hello"
FIXTURES = [{"id": "greet", "state": "FAILED", "outputs": {"a": 1}}]


async def test_fixtures_are_kept_whichever_way_they_come(server: Server) -> None:
    await server.save(flow())
    text = json.dumps(FIXTURES)
    for arguments in (
        {"params": {"kind": "TEST", "fixtures": text}},
        {"params": {"kind": "test"}, "files": {"fixtures": (None, text)}},
        {"params": {"kind": "TEST"}, "json": {"fixtures": FIXTURES}},
    ):
        answer = await server.client.post(URL, **arguments)
        assert answer.status_code == 200, answer.text
        assert answer.json()["fixtures"] == FIXTURES
        assert "inputs" not in answer.json()


async def test_an_input_of_that_name_is_an_input(server: Server) -> None:
    await server.save(flow(more="inputs: [{id: fixtures, type: STRING}]"))
    answer = await server.client.post(URL, params={"kind": "TEST"}, json={"fixtures": "a text"})
    assert (answer.json()["inputs"], answer.json().get("fixtures")) == ({"fixtures": "a text"}, None)


@pytest.mark.parametrize(
    ("kind", "fixtures", "words"),
    [
        ("NORMAL", "[]", "fixtures are for executions of kind TEST"),
        ("TEST", "{", "fixtures: a list of"),
        ("TEST", '[{"id": "absent"}]', "there is no task 'absent' in the flow"),
        ("TEST", '[{"id": "greet", "state": "RUNNING"}]', "the state of 'greet' must be one of"),
    ],
)
async def test_fixtures_that_are_refused(server: Server, kind: str, fixtures: str, words: str) -> None:
    await server.save(flow())
    answer = await server.client.post(URL, params={"kind": kind, "fixtures": fixtures})
    assert (answer.status_code, words in answer.json()["detail"]) == (422, True), answer.text
