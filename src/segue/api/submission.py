"""The inputs of a request: read, stored as far as they are files, and resolved (flow language 4.5)."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from litestar import Request

from segue.api.config import ApiConfig
from segue.api.expressions import Scene, expressions_of
from segue.api.multipart import Form, Upload, read_form
from segue.api.ports import ApiPorts
from segue.api.problems import (
    INVALID_ARGUMENT,
    INVALID_REQUEST_BODY,
    PAYLOAD_TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    VALIDATION_FAILED,
    ProblemError,
)
from segue.domain.encrypted import revealed
from segue.domain.errors import SegueError
from segue.domain.execution.checks import failed_checks, strictest
from segue.domain.execution.context import flow_roots
from segue.domain.execution.model import folder_of
from segue.domain.flow.compiled import CompiledFlow
from segue.domain.flow.inputs import Input, InputType
from segue.domain.flow.limits import Check, CheckBehavior
from segue.domain.flow.resolve_inputs import Resolution, expand_inputs, resolve_inputs
from segue.domain.ids import check_path_segment

AnyRequest = Request[Any, Any, Any]


async def read_body(request: AnyRequest, limit: int) -> bytes:
    """The body. Raises ``ProblemError`` when it has more than ``limit`` bytes."""
    chunks = []
    total = 0
    async for chunk in request.stream():
        total += len(chunk)
        if total > limit:
            raise ProblemError(PAYLOAD_TOO_LARGE, f"the body has more than {limit} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def read_text(body: bytes, what: str) -> str:
    """The body as text. Raises ``ProblemError`` when it is no UTF-8."""
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ProblemError(INVALID_REQUEST_BODY, f"{what} is no UTF-8 text") from None


def read_json(body: bytes, what: str) -> Any:
    """The body as JSON. Raises ``ProblemError`` when it is none."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProblemError(INVALID_REQUEST_BODY, f"{what} is no JSON: {error}") from None


class Submission:
    """What one request submits: values by full input id, and file parts. Closed by its reader."""

    def __init__(self, values: Mapping[str, Any], form: Form) -> None:
        self.values = dict(values)
        self.form = form


async def read_submission(request: AnyRequest, config: ApiConfig) -> Submission:
    """The inputs in a request: a form, a JSON object, or nothing at all (REST API 5.1)."""
    content_type = request.headers.get("content-type", "")
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == "multipart/form-data":
        form = await read_form(content_type, request.stream(), config.max_body_bytes, config.max_upload_bytes)
        return Submission(dict(form.fields), form)
    body = await read_body(request, config.max_body_bytes)
    if not body.strip():
        return Submission({}, Form())
    if media_type == "application/x-www-form-urlencoded":
        return Submission(dict(parse_qsl(read_text(body, "the body"), keep_blank_values=True)), Form())
    if media_type in {"application/json", ""}:
        values = read_json(body, "the body")
        if not isinstance(values, dict):
            raise ProblemError(INVALID_REQUEST_BODY, "a JSON object of inputs is expected")
        return Submission(values, Form())
    raise ProblemError(
        UNSUPPORTED_MEDIA_TYPE, f"'{media_type[:100]}' is not supported: send multipart/form-data or a JSON object"
    )


class Inputs:
    """Resolves what is submitted for flows."""

    def __init__(self, ports: ApiPorts) -> None:
        self._ports = ports
        self.expressions = expressions_of(ports)

    def context(self, flow: CompiledFlow, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The expression roots there are before an execution exists."""
        return flow_roots(flow, inputs)

    async def resolve(
        self, flow: CompiledFlow, submitted: Mapping[str, Any], extra: Mapping[str, Any] | None = None
    ) -> Resolution:
        """Resolve inputs; faults are in the result. ``extra`` holds further roots, as ``trigger``."""

        def resolve(scene: Scene) -> Resolution:
            def render(text: str, inputs: Mapping[str, Any]) -> Any:
                return scene.render_typed(text, {**self.context(flow, inputs), **(extra or {})})

            return resolve_inputs(flow.flow.inputs, submitted, render, self._ports.encrypt)

        return await self.expressions.evaluate(flow, resolve)

    async def failed_checks(self, flow: CompiledFlow, inputs: Mapping[str, Any]) -> list[Check]:
        """The checks of the flow that do not hold, the strictest first (flow language 2.10)."""
        if not flow.flow.checks:
            return []

        def failing(scene: Scene) -> list[Check]:
            context = self.context(flow, revealed(inputs, scene.values.plain))
            return failed_checks(flow.flow.checks, lambda text: scene.render(text, context))

        return await self.expressions.evaluate(flow, failing)

    async def check(self, flow: CompiledFlow, inputs: Mapping[str, Any]) -> bool:
        """Whether the execution must fail at once. Raises ``ProblemError`` when it must not be created."""
        failed = await self.failed_checks(flow, inputs)
        if strictest(failed) is CheckBehavior.BLOCK_EXECUTION:
            raise ProblemError(VALIDATION_FAILED, failed[0].message)
        return strictest(failed) is CheckBehavior.FAIL_EXECUTION

    async def with_files(
        self, flow: CompiledFlow, submission: Submission, execution_id: str, *, refuse_empty: bool = True
    ) -> tuple[dict[str, Any], dict[str, Upload]]:
        """The values for a flow's inputs with the URIs that the uploaded files will have, and the files by these.

        An empty file raises ``ProblemError``, or with ``refuse_empty`` off is a value that does not fit.
        """
        folder = folder_of(flow.flow.namespace, flow.flow.id, execution_id)
        return await self.placed(flow.flow.inputs, submission, folder, refuse_empty=refuse_empty)

    async def placed(
        self, inputs: Sequence[Input], submission: Submission, folder: str, *, refuse_empty: bool = True
    ) -> tuple[dict[str, Any], dict[str, Upload]]:
        """The same for any inputs; ``folder`` is the URI below which the files will lie."""
        declared = {input_id: getattr(item, "type", None) for input_id, item in expand_inputs(inputs)}
        values = dict(submission.values)
        files: dict[str, Upload] = {}
        for upload in submission.form.uploads:
            input_id = upload.name if upload.name in declared else upload.filename
            if input_id not in declared:
                continue
            if declared[input_id] is not InputType.FILE:
                values[input_id] = read_text(b"".join([chunk async for chunk in upload.chunks()]), "the input")
                continue
            if upload.size == 0 and not refuse_empty:
                values[input_id] = ""
                continue
            if upload.size == 0:
                raise ProblemError(INVALID_ARGUMENT, f"Can't upload file: {upload.filename[:200]}")
            uri = f"{folder}/inputs/{input_id}/{_plain(upload)}"
            values[input_id] = uri
            files[uri] = upload
        return values, files

    async def store(self, tenant: str, files: Mapping[str, Upload]) -> None:
        """Write uploaded files to internal storage."""
        for uri, upload in files.items():
            await self._ports.storage.put(tenant, uri, upload.chunks())


def _plain(upload: Upload) -> str:
    """A name for the stored file: the last part of the one given, if it may be one."""
    name = upload.filename.replace("\\", "/").rpartition("/")[2]
    try:
        return check_path_segment(name)
    except SegueError:
        return "upload"
