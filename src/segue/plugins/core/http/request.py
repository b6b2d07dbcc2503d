"""Task ``http.Request``: a response as outputs (core plugins 5.3)."""

import asyncio
from dataclasses import replace
from typing import Any, ClassVar

import regex

from segue.sdk import Example, Output, Property, RunContext, RunLogger, Task
from segue.sdk.http import BodyTooLargeError, HttpClient, HttpError, HttpLog, Prepared, RequestProperties, check_status

MAX_BODY = 19 * 1024 * 1024
"""Bytes of a body that is kept as an output."""
DOWNLOAD = "io.kestra.plugin.core.http.Download"
_UNDEFINED = regex.compile(r"(?V1)[\p{Cn}&&[\u0000-\uFFFF]]")
_WITHOUT_BODY = frozenset({204, 304})


class RequestOutput(Output):
    """The response: ``headers`` by their names in lower case, each a list; ``body`` is a text."""

    uri: str
    """The address that was asked for, with its parameters."""
    code: int
    """The code of the response."""
    headers: dict[str, list[str]]
    """The headers of the response: names in lower case, each with all its values."""
    body: str | None = None
    """The body; missing when the response has none."""
    encrypted_body: dict[str, str] | None = None
    """The body encrypted, in place of `body`; expressions read it as a text."""
    form_data: dict[str, Any] | None = None
    """Never set; known so that flows which name it are valid."""


class Request(Task, RequestProperties):
    """Makes an HTTP request; the response is the task's output."""

    type: ClassVar[str] = "io.kestra.plugin.core.http.Request"
    aliases: ClassVar[frozenset[str]] = frozenset({"io.kestra.plugin.fs.http.Request"})

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Send JSON with a token",
            "id: create\ntype: io.kestra.plugin.core.http.Request\nuri: https://api.example.com/orders\n"
            "method: POST\nbody: \"{{ {'number': inputs.number} | toJson }}\"\n"
            "options:\n  auth:\n    type: BEARER\n    token: \"{{ secret('API_TOKEN') }}\"",
        ),
        Example(
            "Upload a file of another task",
            "id: upload\ntype: io.kestra.plugin.core.http.Request\nuri: https://files.example.com/upload\n"
            "method: POST\ncontentType: multipart/form-data\n"
            'formData:\n  title: Sales\n  file:\n    name: sales.csv\n    content: "{{ outputs.report.uri }}"',
        ),
        Example(
            "Go on whatever the answer",
            "id: probe\ntype: io.kestra.plugin.core.http.Request\nuri: https://example.com/health\n"
            "options:\n  allowFailed: true\n  timeout:\n    readIdleTimeout: PT10S",
        ),
    )

    encrypt_body: Property[bool] = Property.of(False)
    """Whether the body is kept encrypted, as `encryptedBody` in place of `body`."""

    async def run(self, context: RunContext) -> RequestOutput:
        """Make the request. Raises ``HttpError`` when there is no response, its code is not allowed, or its body is
        too large or no text, and ``SegueError`` when it cannot be encrypted."""
        encrypts = await context.render(self.encrypt_body) is True
        return await fetched(context, await self.prepare(context), encrypts=encrypts)


async def fetched(context: RunContext, prepared: Prepared, *, encrypts: bool = False) -> RequestOutput:
    """The response to a request as outputs. Raises as ``Request.run``."""
    request, settings = prepared
    if encrypts:
        settings = replace(settings, logs=settings.logs - {HttpLog.RESPONSE_BODY})
    async with HttpClient(context, settings) as client, client.stream(request) as response:
        await check_status(response, settings, is_secret=encrypts)
        try:
            body = await response.read(MAX_BODY)
        except BodyTooLargeError as error:
            raise HttpError(
                f"Response body is too large to store in task outputs ({error.size} bytes > max {MAX_BODY} bytes). "
                f"Use {DOWNLOAD} to get it as a file."
            ) from None
        has_body = bool(body) or not (request.method == "HEAD" or response.code in _WITHOUT_BODY)
        text = await asyncio.to_thread(_text, body, response.charset, context.logger) if has_body else None
        secret = dict(await context.encrypt(text)) if encrypts and text is not None else None
        return RequestOutput(
            uri=response.uri,
            code=response.code,
            headers=dict(response.headers),
            body=None if encrypts else text,
            encrypted_body=secret,
        )


def _text(body: bytes, charset: str, logger: RunLogger) -> str:
    """A body as text. Raises ``HttpError`` when it holds characters that do not exist."""
    try:
        text = body.decode(charset)
    except UnicodeDecodeError:
        text = body.decode(charset, "replace")
        logger.warn("The response is no %s text: what cannot be read is replaced; use %s for files", charset, DOWNLOAD)
    found = None if text.isascii() else _UNDEFINED.search(text)
    if found is not None:
        raise HttpError(
            f"Illegal unicode code point in request body: {ord(found[0])}, the response is no text. "
            f"Use {DOWNLOAD} to get it as a file."
        )
    return text
