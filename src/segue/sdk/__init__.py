"""What a plugin imports, and nothing else: tasks, triggers, their properties, outputs and the context of a run.

.. code-block:: python

    class Greet(Task):
        type = "org.example.Greet"
        name: Property[str]

        async def run(self, context: RunContext) -> Output:
            name = await context.render(self.name)
            context.logger.info("Hello %s", name)
            return Greeting(text=f"Hello {name}")
"""

from segue.domain.execution.logs import LogLevel
from segue.domain.execution.state import State
from segue.domain.flow.fields import Duration
from segue.domain.kv import KvContent, KvType
from segue.expr import is_truthy
from segue.sdk.context import (
    ExecutionInfo,
    Files,
    FlowInfo,
    Metrics,
    NamespaceFile,
    NamespaceFileStore,
    Platform,
    RunContext,
    RunLogger,
    TaskRunInfo,
)
from segue.sdk.files import IfExists, InputFiles, JobFiles, NamespaceFiles, NamespaceFilesOptions, OutputFiles
from segue.sdk.insights import Insights, InsightStep
from segue.sdk.lines import LONGEST_LINE, LineSplitter
from segue.sdk.moments import Moment
from segue.sdk.property import NativeProperty, Property, PropertyInvalidError, Renderer
from segue.sdk.records import Record, RecordError, as_text, read_records
from segue.sdk.runner import (
    AnyTaskRunner,
    LocalProgram,
    OnLine,
    RunnerCommand,
    RunnerResult,
    RunnerTypes,
    Start,
    Stream,
    TaskRunner,
    validation_context,
)
from segue.sdk.task import Example, Output, Task, TaskFailed, TaskResult
from segue.sdk.trigger import (
    Event,
    PollingTrigger,
    PollResult,
    RealtimeTrigger,
    Trigger,
    TriggerContext,
    TriggerInfo,
)

__all__ = [
    "LONGEST_LINE",
    "AnyTaskRunner",
    "Duration",
    "Event",
    "Example",
    "ExecutionInfo",
    "Files",
    "FlowInfo",
    "IfExists",
    "InputFiles",
    "InsightStep",
    "Insights",
    "JobFiles",
    "KvContent",
    "KvType",
    "LineSplitter",
    "LocalProgram",
    "LogLevel",
    "Metrics",
    "Moment",
    "NamespaceFile",
    "NamespaceFileStore",
    "NamespaceFiles",
    "NamespaceFilesOptions",
    "NativeProperty",
    "OnLine",
    "Output",
    "OutputFiles",
    "Platform",
    "PollResult",
    "PollingTrigger",
    "Property",
    "PropertyInvalidError",
    "RealtimeTrigger",
    "Record",
    "RecordError",
    "Renderer",
    "RunContext",
    "RunLogger",
    "RunnerCommand",
    "RunnerResult",
    "RunnerTypes",
    "Start",
    "State",
    "Stream",
    "Task",
    "TaskFailed",
    "TaskResult",
    "TaskRunInfo",
    "TaskRunner",
    "Trigger",
    "TriggerContext",
    "TriggerInfo",
    "as_text",
    "is_truthy",
    "read_records",
    "validation_context",
]
