"""The generated reference page says what the sections say."""

from pathlib import Path

from segue.config.keys import kebab, leaves
from segue.config.reference import reference
from segue.config.sections import Configuration

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "configuration.md"


def test_the_page_in_the_repository_is_the_generated_one():
    assert PAGE.read_text(encoding="utf-8") == reference(), "run `segue docs build`"


def test_every_key_is_on_the_page_with_a_meaning():
    page = reference()
    for path, holder, name in leaves(Configuration):
        assert f"`segue.{kebab(path)}`" in page
        assert holder.model_fields[name].description, path
