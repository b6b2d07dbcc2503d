"""Files that the worker puts into the working directory before a task runs, and those it stores afterwards.

A task takes part by its base classes; there is nothing more to do:

.. code-block:: python

    class Convert(Task, InputFiles, OutputFiles):
        type = "org.example.Convert"

        def run(self, context: RunContext) -> None:
            text = (context.working_dir / "in.csv").read_text()
            (context.working_dir / "out.txt").write_text(text)

``inputFiles`` and ``namespaceFiles`` are in ``context.working_dir`` when ``run`` is called (the first win over the
second). Files that ``outputFiles`` match are stored when ``run`` has returned or raised ``TaskFailed``; the output
``outputFiles`` maps their paths to URIs (flow language 8, core plugins 1.2).
"""

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from segue.sdk.property import Property

_CONFIG = ConfigDict(
    frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True, coerce_numbers_to_str=True
)


class IfExists(StrEnum):
    """What happens to a namespace file whose place in the working directory is taken."""

    OVERWRITE = "OVERWRITE"
    FAIL = "FAIL"
    WARN = "WARN"
    IGNORE = "IGNORE"


class NamespaceFilesOptions(BaseModel):
    """Which files of which namespaces are copied into the working directory."""

    model_config = _CONFIG

    enabled: Property[bool] = Property.of(True)
    """`false` copies nothing."""
    include: Property[list[str]] | None = None
    """Patterns of the files to copy; without them all."""
    exclude: Property[list[str]] | None = None
    """Patterns of files not to copy."""
    namespaces: Property[list[str]] | None = None
    """The namespaces, files of later ones over those of earlier ones; without them the flow's own."""
    if_exists: Property[IfExists] = Property.of(IfExists.OVERWRITE)
    """What to do when there is such a file already."""
    folder_per_namespace: Property[bool] = Property.of(False)
    """Whether each namespace gets a folder of its name."""


class InputFiles(BaseModel):
    """A task with ``inputFiles``."""

    model_config = _CONFIG

    input_files: Property[dict[str, Any]] | None = None
    """Files to write before the task runs: path to text, or to the URI of a file (`kestra://`, `nsfile://`)."""


class OutputFiles(BaseModel):
    """A task with ``outputFiles``."""

    model_config = _CONFIG

    output_files: Property[list[str]] | None = None
    """Paths or patterns of files to store after the task has run."""


class NamespaceFiles(BaseModel):
    """A task with ``namespaceFiles``."""

    model_config = _CONFIG

    namespace_files: NamespaceFilesOptions | None = None
    """Namespace files to copy before the task runs."""


class JobFiles(InputFiles, OutputFiles, NamespaceFiles):
    """A task with all three, such as a script."""
