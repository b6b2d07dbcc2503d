"""``io.kestra.plugin.core.storage`` (core plugins 8)."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, ClassVar

from pydantic import Field

from segue.plugins.core.backwards import Charset, reverse_lines
from segue.plugins.core.parts import extension_of, store_parts
from segue.plugins.core.splitting import SplitSettings, Splitter
from segue.sdk import Example, Output, Property, RunContext, Task, TaskFailed, as_text

_OLD = "io.kestra.core.tasks.storages."


class LocalFilesOutput(Output):
    """``uris`` maps the paths of files that were stored to their URIs."""

    uris: dict[str, str]


class LocalFiles(Task):
    """Writes files into the working directory and stores others of it (1.x: ``inputFiles`` and ``outputFiles`` do)."""

    type: ClassVar[str] = "io.kestra.plugin.core.storage.LocalFiles"
    aliases: ClassVar[frozenset[str]] = frozenset({"io.kestra.core.tasks.storages.LocalFiles"})
    deprecated: ClassVar[str] = "Use `inputFiles` and `outputFiles`."

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


class UriOutput(Output):
    """``uri`` of the file that was made."""

    uri: str


class Concat(Task):
    """Joins files in order. Binary Ion becomes text."""

    type: ClassVar[str] = "io.kestra.plugin.core.storage.Concat"
    aliases: ClassVar[frozenset[str]] = frozenset({_OLD + "Concat"})

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Join two files, a line break behind each",
            "id: all\ntype: io.kestra.plugin.core.storage.Concat\n"
            'files: ["{{ outputs.one.uri }}", "{{ outputs.two.uri }}"]\nseparator: "\\n"\nextension: .csv',
        ),
    )

    files: Property[list[str]]
    """The URIs of the files, or a text that is a JSON list of them."""
    separator: Property[str] | None = None
    """Written behind every file, the last one too."""
    extension: Property[str] = Property.of(".tmp")
    """The end of the file's name."""

    async def run(self, context: RunContext) -> UriOutput:
        """Read one after the other into a temporary file, then store that."""
        uris = await context.render(self.files) or []
        separator = b"" if self.separator is None else (await context.render(self.separator) or "").encode()
        extension = await context.render(self.extension) or ""
        with TemporaryDirectory(prefix="segue-concat-") as folder:
            joined = Path(folder) / "joined"
            with joined.open("wb") as target:
                for number, uri in enumerate(uris, 1):
                    async for chunk in as_text(context.files.read(uri.strip())):
                        await asyncio.to_thread(target.write, chunk)
                    target.write(separator)
                    context.insights.progress(number, len(uris), "files")
            return UriOutput(uri=await context.files.write("concat" + extension, joined))


class DeleteOutput(Output):
    """``deleted``: whether there was such a file."""

    uri: str
    deleted: bool


class Delete(Task):
    """Deletes a file of this execution, or of an execution that it belongs to or that belongs to it."""

    type: ClassVar[str] = "io.kestra.plugin.core.storage.Delete"
    aliases: ClassVar[frozenset[str]] = frozenset({_OLD + "Delete"})

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Remove a file that is not needed any more",
            'id: clean\ntype: io.kestra.plugin.core.storage.Delete\nuri: "{{ outputs.report.uri }}"',
        ),
    )

    uri: Property[str]
    """The URI of the file."""
    error_on_missing: Property[bool] = Property.of(False)
    """Whether the task fails when there is no such file."""

    async def run(self, context: RunContext) -> DeleteOutput:
        """Delete. Raises ``SegueError`` for a file that is not the execution's."""
        uri = (await context.render(self.uri) or "").strip()
        deleted = await context.files.delete(uri)
        if not deleted and await context.render(self.error_on_missing):
            raise TaskFailed(f"Unable to find file '{uri}'")
        return DeleteOutput(uri=uri, deleted=deleted)


class Reverse(Task):
    """Turns the order of the lines of a file round. Binary Ion becomes text, a record a line."""

    type: ClassVar[str] = "io.kestra.plugin.core.storage.Reverse"
    aliases: ClassVar[frozenset[str]] = frozenset({_OLD + "Reverse"})

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "The latest line first",
            'id: turn\ntype: io.kestra.plugin.core.storage.Reverse\nfrom: "{{ outputs.log.uri }}"',
        ),
    )

    from_: Annotated[Property[str], Field(alias="from")]
    """The URI of the file."""
    separator: Property[str] = Property.of("\n")
    """What lines end with; written behind every line."""
    charset: Property[str] = Property.of("UTF-8")
    """The encoding of the file."""

    async def run(self, context: RunContext) -> UriOutput:
        """Read the file from its end, block by block, into a temporary file, then store that."""
        uri = (await context.render(self.from_) or "").strip()
        charset = Charset(await context.render(self.charset) or "UTF-8", await context.render(self.separator) or "")
        with TemporaryDirectory(prefix="segue-reverse-") as folder:
            turned = Path(folder) / "turned"
            await reverse_lines(context, uri, charset, turned)
            return UriOutput(uri=await context.files.write("reverse" + extension_of(uri), turned))


class SplitOutput(Output):
    """``uris`` of the parts in order."""

    uris: list[str]


class Split(Task):
    """Cuts a file into parts, by one of the rules; the first that is set of these, in this order, counts:
    `regexPattern`, `bytes`, `partitions`, `rows`. Binary Ion becomes text, a record a line."""

    type: ClassVar[str] = "io.kestra.plugin.core.storage.Split"
    aliases: ClassVar[frozenset[str]] = frozenset({_OLD + "Split"})

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Parts of 1,000 lines",
            'id: cut\ntype: io.kestra.plugin.core.storage.Split\nfrom: "{{ outputs.load.uri }}"\nrows: 1000',
        ),
        Example(
            "A part for each country",
            'id: cut\ntype: io.kestra.plugin.core.storage.Split\nfrom: "{{ outputs.load.uri }}"\n'
            "regexPattern: 'country:\"(\\w+)\"'",
        ),
    )

    from_: Annotated[Property[str], Field(alias="from")]
    """The URI of the file."""
    regex_pattern: Property[str] | None = None
    """A regular expression; lines with the same first group make a part, lines without a match are left out."""
    bytes: Property[str] | None = None
    """A size such as `10MB`: a part that has reached it is complete."""
    partitions: Property[int] | None = None
    """How many parts get the lines in turn; empty ones are left out."""
    rows: Property[int] | None = None
    """How many lines a part has."""
    separator: Property[str] = Property.of("\n")
    """What lines end with."""

    async def run(self, context: RunContext) -> SplitOutput:
        """Read the file once, keeping no more of it in memory than a few MB."""
        uri = (await context.render(self.from_) or "").strip()
        settings = SplitSettings(
            regex_pattern=None if self.regex_pattern is None else await context.render(self.regex_pattern) or None,
            bytes=None if self.bytes is None else await context.render(self.bytes) or None,
            partitions=None if self.partitions is None else await context.render(self.partitions),
            rows=None if self.rows is None else await context.render(self.rows),
            separator=await context.render(self.separator) or "",
        )
        name_format = "part-{}" + extension_of(uri)
        content = as_text(context.files.read(uri))
        return SplitOutput(uris=await store_parts(context, content, Splitter(settings), name_format))
