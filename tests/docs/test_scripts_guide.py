"""Every flow of the guide is run on a server; it must end and say what the page shows."""

from collections.abc import Iterator

import pytest
from guide import Guide, guide_server
from tests.processes import ServerProcess

GUIDE = Guide("scripts.md")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with guide_server(tmp_path_factory.mktemp("guide")) as process:
        yield process


@pytest.mark.parametrize(("source", "state", "shown"), GUIDE.examples, ids=lambda text: text.split("\n")[0][:30])
async def test_the_example_says_what_the_page_shows(server: ServerProcess, source: str, state: str, shown: str) -> None:
    await GUIDE.check(server, source, state, shown)


def test_the_page_has_its_examples() -> None:
    assert len(GUIDE.examples) == 3
