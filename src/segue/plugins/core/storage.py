"""``io.kestra.plugin.core.storage`` (core plugins 8)."""

from typing import Any, ClassVar

from segue.sdk import Example, Output, Property, RunContext, Task


class LocalFilesOutput(Output):
    """``uris`` maps the paths of files that were stored to their URIs."""

    uris: dict[str, str]


class LocalFiles(Task):
    """Writes files into the working directory and stores others of it (1.x: ``inputFiles`` and ``outputFiles`` do)."""

    type: ClassVar[str] = "io.kestra.plugin.core.storage.LocalFiles"
    aliases: ClassVar[frozenset[str]] = frozenset({"io.kestra.core.tasks.storages.LocalFiles"})

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Give a file to the tasks after it",
            "id: files\ntype: io.kestra.plugin.core.flow.WorkingDirectory\ntasks:\n"
            "  - id: query\n    type: io.kestra.plugin.core.storage.LocalFiles\n"
            "    inputs:\n      query.sql: SELECT 1",
        ),
    )

    inputs: Property[dict[str, Any]] | None = None
    """Files to write: path to text, or to the URI of a file."""
    outputs: Property[list[str]] | None = None
    """Paths or patterns of files to store."""

    async def run(self, context: RunContext) -> LocalFilesOutput:
        """Write, then store. Files that are there already are replaced, those of a cache for example."""
        files = None if self.inputs is None else await context.render(self.inputs)
        await context.files.place(files or {})
        patterns = None if self.outputs is None else await context.render(self.outputs)
        return LocalFilesOutput(uris=await context.files.collect(patterns or []))
