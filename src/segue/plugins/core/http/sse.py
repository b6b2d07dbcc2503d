"""Task ``http.SseRequest``: the events a server sends, until it ends the stream (core plugins 5.5)."""

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Any, ClassVar

from segue.plugins.core.http.event_stream import EventReader
from segue.plugins.core.http.request import MAX_BODY
from segue.sdk import Example, NativeProperty, Output, Property, RunContext, Task, TaskFailed
from segue.sdk.http import HttpClient, HttpError, HttpRequest, HttpResponse, RequestProperties, check_status
from segue.sdk.property import converter_of, json_text

_ACCEPT = ("Accept", "text/event-stream")
_BATCH = 200
_LONGEST_SHOWN = 1_000
_JQ = "{{ segueEvents | jq(segueProgram) }}"


class SseOutput(Output):
    """``events``, or the ``result`` of the jq expression in their place; ``size`` is how many events there were."""

    uri: str
    """The address that was asked for, with its parameters."""
    size: int
    """How many events there were."""
    events: list[dict[str, Any]] | None = None
    """The events, each with `data`, `id`, `name`, `comment`, `retry`; missing when there is a `result`."""
    result: str | None = None
    """What the jq expression gave for the events, joined."""


class SseRequest(Task, RequestProperties):
    """Makes an HTTP request and reads the server-sent events of the response until the server ends it."""

    type: ClassVar[str] = "io.kestra.plugin.core.http.SseRequest"

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Join the words of a model's answer",
            "id: ask\ntype: io.kestra.plugin.core.http.SseRequest\nuri: https://llm.example.com/stream\n"
            'method: POST\nbody: \'{"prompt": "Hello", "stream": true}\'\n'
            "concatJqExpression: .data.choices[0].delta.content\nfailedOnMissingJq: false\ntimeout: PT2M",
        ),
    )

    concat_jq_expression: Property[str] | None = None
    """A jq program that is run on every event (`.data` is its data); texts, numbers and booleans are joined."""
    failed_on_missing_jq: Property[bool] = Property.of(True)
    """Whether an event for which the program gives nothing of that kind fails the task; else it is left out."""

    async def run(self, context: RunContext) -> SseOutput:
        """Read to the end. Raises ``HttpError`` when there is no response, its code is not allowed, it breaks off or
        becomes too large, and ``TaskFailed`` when the jq expression does not fit an event."""
        request, settings = await self.prepare(context)
        expression = None if self.concat_jq_expression is None else await context.render(self.concat_jq_expression)
        async with HttpClient(context, settings) as client, client.stream(_accepting(request)) as response:
            await check_status(response, settings)
            events = await _events(response)
        context.metrics.counter("size", len(events))
        if not expression:
            return SseOutput(uri=response.uri, size=len(events), events=events)
        is_strict = await context.render(self.failed_on_missing_jq) is not False
        result = await _joined(context, events, expression, is_strict=is_strict)
        return SseOutput(uri=response.uri, size=len(events), result=result)


def _accepting(request: HttpRequest) -> HttpRequest:
    if any(name.lower() == "accept" for name, _ in request.headers):
        return request
    return HttpRequest(request.uri, request.method, (*request.headers, _ACCEPT), request.body)


async def _events(response: HttpResponse) -> list[dict[str, Any]]:
    reader = EventReader()
    events: list[dict[str, Any]] = []
    async with aclosing(response.chunks()) as chunks:
        async for chunk in chunks:
            events.extend(reader.feed(chunk))
            if response.size > MAX_BODY:
                raise HttpError(
                    f"The events are too large to store in task outputs ({response.size} bytes > max {MAX_BODY} bytes)"
                )
    return events


async def _joined(context: RunContext, events: Sequence[Mapping[str, Any]], expression: str, *, is_strict: bool) -> str:
    """What the expression gives for the events, joined. Events of comments only have nothing to give."""
    asked = [event for event in events if event["data"] is not None]
    program = f"[.[] | try {{values: [{expression}\n]}} catch {{error: 1}}]"
    render = NativeProperty(_JQ, converter_of(Any))
    parts: list[str] = []
    for start in range(0, len(asked), _BATCH):
        batch = asked[start : start + _BATCH]
        found = await context.render(render, {"segueEvents": batch, "segueProgram": program})
        (answers,) = found or [[]]
        for event, answer in zip(batch, answers, strict=True):
            values = answer.get("values") or [None]
            texts = [_text(value) for value in values]
            if is_strict and None in texts:
                shown = json_text(event)[:_LONGEST_SHOWN]
                raise TaskFailed(f"Failed to resolve JQ expression '{expression}' and value '{shown}'")
            parts += [text for text in texts if text is not None]
    return "".join(parts)


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    return json_text(value) if isinstance(value, bool | int | float) else None
