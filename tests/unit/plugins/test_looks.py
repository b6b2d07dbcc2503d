"""Icons, deprecations and marks come from the class."""

import base64
from typing import Any, ClassVar

import pytest
from pydantic import Field

from segue.plugins.documents import Library
from segue.plugins.registry import PluginRegistry
from segue.sdk import Output, Property, RunContext, Task

SVG = '<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0" fill="currentColor"/></svg>'


class Shown(Output):
    """What it gives."""

    text: str
    """The text."""


class Pretty(Task):
    """Looks good.

    In all respects.
    """

    type: ClassVar[str] = "org.example.looks.Pretty"
    icon: ClassVar[str] = SVG
    aliases: ClassVar[frozenset[str]] = frozenset({"org.example.Old"})
    deprecated: ClassVar[str] = "Use org.example.looks.Prettier."

    colour: Property[str] = Field(examples=["red"])
    """Which one."""
    size: Property[int] | None = Field(default=None, deprecated="Use colour.")
    """How large."""
    fixed: int = 3
    """No expression."""

    async def run(self, context: RunContext) -> Shown:
        return Shown(text=str(await context.render(self.colour)))


@pytest.fixture
def library() -> Library:
    registry = PluginRegistry(installed=False)
    registry.add(Pretty)
    return Library(registry)


def test_the_icon(library: Library) -> None:
    icons = library.icons()
    assert set(icons) == {"org.example.looks.Pretty"}
    icon = icons["org.example.looks.Pretty"]
    assert base64.b64decode(icon["icon"]).decode() == SVG
    assert (icon["name"], icon["flowable"], icon["monochrome"]) == ("org.example.looks.Pretty", False, True)
    assert len(icon["hash"]) == 16


def test_the_document(library: Library) -> None:
    document: Any = library.document("org.example.looks.Pretty")
    properties = document["schema"]["properties"]
    assert (properties["title"], properties["description"]) == ("Looks good.", "In all respects.")
    assert properties["properties"]["size"]["$deprecated"] is True
    assert properties["properties"]["colour"]["$dynamic"] is True
    assert properties["properties"]["colour"]["$examples"] == ["red"]
    assert properties["properties"]["colour"]["$required"] is True
    assert "$dynamic" not in properties["properties"]["fixed"]
    assert properties["properties"]["fixed"]["default"] == 3
    text = document["markdown"]
    assert "> Deprecated. Use org.example.looks.Prettier." in text
    assert "Older names: `org.example.Old`." in text
    assert "| `colour` | string |  | Which one. (required, dynamic) |" in text
    assert "How large. (dynamic, deprecated)" in text
    assert "| `text` | string |  | The text." in text
    (group,) = [one for one in library.plugins() if one["group"] == "org.example.looks"]
    assert group["tasks"][0]["deprecated"] is True
    assert "org.example.looks.Pretty" in library.types()
