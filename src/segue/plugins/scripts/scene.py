"""Where one run of a script task happens: its folder, its variables, and files made for it (core plugins 14, 17.4)."""

import asyncio
import re
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from segue.sdk import RunContext, TaskFailed, TaskRunner

_URI = re.compile(r"kestra://[A-Za-z0-9\-._+~#=/,:;]+")
_ENDS_OF_SENTENCES = ",:;."
_PATTERN = re.compile(r"[*?\[\]{}]|^(glob|regex):")
_OUTPUT_NAME = re.compile(r"[A-Za-z0-9\-._+~#=/,:;]+")


class Scene:
    """The surroundings of one run. ``variables`` are what expressions know beside the roots there are."""

    def __init__(self, context: RunContext, runner: TaskRunner, *, has_output_dir: bool) -> None:
        self.context = context
        self.runner = runner
        self.folder = context.working_dir
        self.seen = runner.seen_as(self.folder)
        """The folder as the command finds it."""
        self.variables: dict[str, Any] = {"workingDir": str(self.seen)}
        self.output_dir: Path | None = None
        self.output_patterns: tuple[str, ...] = ()
        self.env: dict[str, str] = {}
        """Variables of the environment that what was prepared for this run needs."""
        self.program: str | None = None
        """The program for the script, when it is another than the language's."""
        self.script: str | None = None
        """The file with the script, as the command finds it."""
        self._made: list[Path] = []
        self._local: dict[str, str] = {}
        if has_output_dir:
            self.output_dir = self.folder / secrets.token_hex(8)
            self.output_dir.mkdir()
            self.variables["outputDir"] = self.path_of(self.output_dir)

    def name_outputs(self, patterns: Sequence[str]) -> None:
        """Let expressions know where the files of ``outputFiles`` belong that are named and no patterns."""
        self.output_patterns = tuple(patterns)
        names = [name for name in patterns if not _PATTERN.search(name)]
        self.variables["outputFiles"] = {name: str(self.seen / name.lstrip("/")) for name in names}

    def path_of(self, file: Path) -> str:
        """A file of the folder as the command finds it."""
        return str(self.seen / file.relative_to(self.folder).as_posix())

    async def render(self, value: Any) -> Any:
        """A property, or texts, rendered with the variables of this run."""
        return await self.context.render(value, self.variables)

    async def write(self, text: str, extension: str) -> str:
        """Write a text to a file with a name of its own, which is gone after the run; its path for the command."""
        path = self.folder / (secrets.token_hex(8) + extension)
        self._made.append(path)
        await asyncio.to_thread(path.write_bytes, text.encode("utf-8", "replace"))
        return self.path_of(path)

    async def with_files(self, text: str) -> str:
        """A text with every ``kestra://`` URI replaced by the path of its content, which is fetched once.

        Raises ``SegueError`` for one that is not there or not open to the flow.
        """
        uris = sorted({found.rstrip(_ENDS_OF_SENTENCES) for found in _URI.findall(text)}, key=len, reverse=True)
        for uri in uris:
            if uri not in self._local:
                suffix = re.sub(r"[^A-Za-z0-9.]", "", Path(uri).suffix)[:20]
                path = await self.context.files.download(uri, secrets.token_hex(8) + suffix)
                self._made.append(path)
                self._local[uri] = self.path_of(path)
        return _URI.sub(self._replaced, text) if uris else text

    async def collect_output_dir(self, *, is_success: bool) -> Mapping[str, str] | None:
        """Store the files of the output directory: relative names to URIs.

        After a success, raises ``TaskFailed`` for odd names; a failure has its own reason to tell.
        """
        if self.output_dir is None:
            return None
        prefix = f"{self.output_dir.name}/"
        pattern = f"{prefix}**"
        names = await asyncio.to_thread(_names_below, self.output_dir) if is_success else ()
        for name in names:
            if not _OUTPUT_NAME.fullmatch(name):
                raise TaskFailed(
                    f"Output file '{name[:200]}' contains unsupported characters. "
                    "Letters, digits and -._+~#=/,:; are supported"
                )
        found = await self.context.files.collect([pattern])
        return {path.removeprefix(prefix): uri for path, uri in found.items()}

    async def clear(self) -> None:
        """Remove the files that were made for this run."""
        for path in self._made:
            await asyncio.to_thread(path.unlink, missing_ok=True)

    def _replaced(self, match: re.Match[str]) -> str:
        uri = match[0].rstrip(_ENDS_OF_SENTENCES)
        return self._local[uri] + match[0][len(uri) :]


def _names_below(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
