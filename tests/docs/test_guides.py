"""Every flow of the guides that need nothing but a server is run; it must end and say what the page shows."""

from collections.abc import Iterator

import pytest
from guide import Guide, guide_server
from tests.processes import ServerProcess

GUIDES = {"control-flow": 9, "files": 3, "python-scripts": 2}
"""Pages, and how many examples each has."""
EXAMPLES = [
    pytest.param(guide, *example, id=f"{name}-{example[0].split()[1]}")
    for name in GUIDES
    for guide in [Guide(f"{name}.md")]
    for example in guide.examples
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with guide_server(tmp_path_factory.mktemp("guide")) as process:
        yield process


@pytest.mark.parametrize(("guide", "source", "state", "shown"), EXAMPLES)
async def test_the_example_says_what_the_page_shows(
    server: ServerProcess, guide: Guide, source: str, state: str, shown: str
) -> None:
    await guide.check(server, source, state, shown)


@pytest.mark.parametrize(("name", "count"), GUIDES.items())
def test_the_page_has_its_examples(name: str, count: int) -> None:
    assert len(Guide(f"{name}.md").examples) == count
