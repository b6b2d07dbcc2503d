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


class WriteOutput(Output):
    """``uri`` is where the file lies."""

    uri: str


class Write(Task):
    """Stores a text as a file of internal storage."""

    type: ClassVar[str] = "io.kestra.plugin.core.storage.Write"

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Keep a report as a file",
            "id: report\ntype: io.kestra.plugin.core.storage.Write\n"
            'content: "{{ inputs.name }} was here"\nextension: .txt',
        ),
    )

    content: Property[str]
    """The text of the file, stored as UTF-8."""
    extension: Property[str] | None = None
    """The end of the file's name, such as `.txt`."""

    async def run(self, context: RunContext) -> WriteOutput:
        """Render and store; a text that renders to nothing gives an empty file.

        Raises ``SegueError`` for an extension that cannot be part of a file's name.
        """
        content = await context.render(self.content) or ""
        extension = "" if self.extension is None else await context.render(self.extension) or ""
        return WriteOutput(uri=await context.files.write("content" + extension, content.encode()))


class SizeOutput(Output):
    """``size`` in bytes."""

    size: int


class Size(Task):
    """Says how large a file is."""

    type: ClassVar[str] = "io.kestra.plugin.core.storage.Size"
    aliases: ClassVar[frozenset[str]] = frozenset({"io.kestra.core.tasks.storages.Size"})

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Measure the file of another task",
            'id: size\ntype: io.kestra.plugin.core.storage.Size\nuri: "{{ outputs.report.uri }}"',
        ),
    )

    uri: Property[str]
    """The URI of the file."""

    async def run(self, context: RunContext) -> SizeOutput:
        """Ask for the size; nothing of the content is read. Raises ``SegueError`` when there is no such file."""
        return SizeOutput(size=await context.files.size((await context.render(self.uri) or "").strip()))
