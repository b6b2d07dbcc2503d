"""Webhooks: a URL with a key in it starts a flow (flow language 12.5, REST API 5.3). The hot path."""

import hmac
import logging
from typing import Any, NamedTuple

import msgspec
from litestar import HttpMethod, route
from litestar.di import NamedDependency
from litestar.response import Response

from segue.api.backend import Backend
from segue.api.expressions import Scene
from segue.api.problems import NOT_FOUND, VALIDATION_FAILED, ProblemError, inputs_error
from segue.api.schemas.executions import wire_execution
from segue.api.submission import AnyRequest
from segue.api.webhook_request import Call, one_chunk, read_call
from segue.domain.errors import SegueError
from segue.domain.execution.creation import StartRequest
from segue.domain.execution.model import Execution, ExecutionTrigger, folder_of
from segue.domain.execution.state import State
from segue.domain.flow.compiled import CompiledFlow
from segue.domain.flow.fields import is_expression
from segue.domain.flow.flowables import FetchType
from segue.domain.flow.triggers import WebhookTrigger
from segue.domain.ids import slugify
from segue.domain.labels import Label
from segue.domain.trigger.conditions import ConditionError, Subject, holds
from segue.domain.trigger.starting import given_inputs, given_labels
from segue.expr import ExpressionError, is_truthy

logger = logging.getLogger(__name__)

_METHODS = [HttpMethod.GET, HttpMethod.POST, HttpMethod.PUT, HttpMethod.PATCH, HttpMethod.DELETE]
_EXTRAS = "api.webhooks"
_JSON = "application/json"
_WITHOUT_BODY = frozenset({204, 304})
_encoder = msgspec.json.Encoder()


class Given(NamedTuple):
    """What a trigger gives to the execution it starts: what it submits as inputs, and labels."""

    inputs: dict[str, Any]
    labels: tuple[Label, ...]


class Webhook:
    """A flow with the trigger whose key the caller knows, and what is needed to render its properties."""

    def __init__(self, backend: Backend, flow: CompiledFlow, trigger: WebhookTrigger) -> None:
        self.backend = backend
        self.flow = flow
        self.trigger = trigger

    async def given(self, roots: dict[str, Any]) -> "Given | None":
        """What the trigger gives to its executions, None when its conditions do not hold.

        Raises ``ProblemError`` for inputs that cannot be rendered.
        """

        def work(scene: Scene) -> Given | None:
            if not self._is_wanted(scene, roots):
                return None
            return Given(self._inputs(scene, roots), self._labels(scene, roots))

        return await self.backend.inputs.expressions.evaluate(self.flow, work)

    def render(self, scene: Scene, text: str, roots: dict[str, Any]) -> str | None:
        """A text of the trigger."""
        if not is_expression(text):
            return text
        context = self.backend.inputs.context(self.flow, {}) | roots
        return scene.render(text, context)

    def _is_wanted(self, scene: Scene, roots: dict[str, Any]) -> bool:
        """Whether the conditions hold; one that cannot be answered does not."""
        if self.trigger.when is None and not self.trigger.conditions:
            return True
        subject = Subject(self.flow.flow.namespace, self.flow.flow.id)
        try:
            return holds(
                self.trigger, lambda text, more: self.render(scene, text, {**roots, **more}), subject, is_truthy
            )
        except (ConditionError, ExpressionError) as error:
            logger.warning("conditions of webhook %s.%s: %s", subject.namespace, subject.flow_id, error)
            return False

    def _labels(self, scene: Scene, roots: dict[str, Any]) -> tuple[Label, ...]:
        """The trigger's labels; one that cannot be rendered is left out."""
        flow_id = self.flow.flow.id
        return given_labels(
            self.trigger,
            lambda text: self.render(scene, text, roots),
            lambda warning: logger.warning("webhook of %s: %s", flow_id, warning),
        )

    def _inputs(self, scene: Scene, roots: dict[str, Any]) -> dict[str, Any]:
        """What the trigger submits as inputs of the flow. Raises ``ProblemError``."""
        context = self.backend.inputs.context(self.flow, {}) | roots
        try:
            return given_inputs(self.trigger, self.flow, lambda value: scene.render_value(value, context))
        except ExpressionError as error:
            raise ProblemError(VALIDATION_FAILED, f"the inputs of the trigger: {error}") from None

    async def resolved(self, submitted: dict[str, Any], roots: dict[str, Any]) -> dict[str, Any]:
        """The inputs of the flow. Raises ``InputInvalidError``."""
        if not self.flow.flow.inputs:
            return {}
        resolution = await self.backend.inputs.resolve(self.flow, submitted, roots)
        if resolution.errors:
            raise inputs_error(resolution.errors)
        return resolution.values


@route(
    [
        "/executions/webhook/{namespace:str}/{flow_id:str}/{key:str}",
        "/executions/webhook/{namespace:str}/{flow_id:str}/{key:str}/{rest:path}",
    ],
    http_method=_METHODS,
    status_code=200,
)
async def call_webhook(backend: NamedDependency[Backend], request: AnyRequest) -> Response[bytes | None]:
    """Start the flow whose webhook has this key. 204 when the trigger's conditions do not hold."""
    path = request.scope["path_params"]
    flow = await backend.starter.runnable(path["tenant"], path["namespace"], path["flow_id"])
    webhook = await _find(backend, flow, path["key"])
    if "rest" in path:
        raise ProblemError(NOT_FOUND, "this webhook has no paths below it")
    call = await read_call(request, backend.config)
    with call.form:
        execution_id = backend.starter.new_id()
        await _store(webhook, call, execution_id)
        roots = {"trigger": {"id": webhook.trigger.id, "type": webhook.trigger.type, **call.variables}}
        given = await webhook.given(roots)
        if given is None:
            await _forget(webhook, call, execution_id)
            return Response(None, status_code=204)
        inputs = await webhook.resolved(given.inputs, roots)
        started = StartRequest(
            inputs=inputs,
            is_failed=await backend.inputs.check(flow, inputs),
            labels=given.labels,
            trigger=ExecutionTrigger(webhook.trigger.id, webhook.trigger.type, call.variables),
        )
        execution = await backend.starter.start(flow, started, execution_id)
    return await _answer(webhook, execution, request)


async def _find(backend: Backend, flow: CompiledFlow, key: str) -> Webhook:
    """The enabled webhook trigger with this key, compared without telling its length by time."""
    triggers = flow.extras.get(_EXTRAS)
    if triggers is None:
        triggers = tuple(item for item in flow.flow.triggers if isinstance(item, WebhookTrigger) and not item.disabled)
        flow.extras[_EXTRAS] = triggers
    given = key.encode()

    def find(scene: Scene) -> Webhook | None:
        for trigger in triggers:
            webhook = Webhook(backend, flow, trigger)
            try:
                expected = (webhook.render(scene, trigger.key, {}) or "").strip()
            except ExpressionError as error:
                logger.warning("key of webhook %s of %s: %s", trigger.id, flow.flow.id, error)
                continue
            if expected and hmac.compare_digest(expected.encode(), given):
                return webhook
        return None

    found = await backend.inputs.expressions.evaluate(flow, find)
    if found is None:
        raise ProblemError(NOT_FOUND, "Webhook not found")
    return found


def _folder(webhook: Webhook, execution_id: str) -> str:
    flow = webhook.flow.flow
    return f"{folder_of(flow.namespace, flow.id, execution_id)}/trigger/{slugify(webhook.trigger.id)}"


async def _store(webhook: Webhook, call: Call, execution_id: str) -> None:
    """Put files, and the body if the trigger wants that, into storage; drop a body that is not wanted."""
    storage, tenant = webhook.backend.ports.storage, webhook.flow.tenant
    fetch = webhook.trigger.fetch_type
    if fetch is not FetchType.FETCH:
        call.variables.pop("body", None)
    if fetch is FetchType.STORE and call.body:
        uri = f"{_folder(webhook, execution_id)}/body"
        await storage.put(tenant, uri, one_chunk(call.body))
        call.variables["uri"] = uri
    parts = []
    for number, upload in enumerate(call.form.uploads):
        uri = f"{_folder(webhook, execution_id)}/parts/{number}"
        await storage.put(tenant, uri, upload.chunks())
        parts.append(
            {
                "name": upload.name,
                "filename": upload.filename,
                "contentType": upload.content_type,
                "size": upload.size,
                "uri": uri,
            }
        )
    if parts:
        call.variables["parts"] = parts


async def _forget(webhook: Webhook, call: Call, execution_id: str) -> None:
    if "uri" in call.variables or "parts" in call.variables:
        await webhook.backend.ports.storage.delete_below(webhook.flow.tenant, _folder(webhook, execution_id))


async def _answer(webhook: Webhook, execution: Execution, request: AnyRequest) -> Response[bytes | None]:
    """The execution; with ``wait`` when it is over, with ``returnOutputs`` the flow's outputs instead."""
    backend, trigger = webhook.backend, webhook.trigger
    outputs = None
    if trigger.wait:
        execution = await backend.wait_finished(execution, request)
        outputs = await backend.all_outputs(execution) or {}
    status = await _status(webhook, execution, outputs)
    if status in _WITHOUT_BODY:
        return Response(None, status_code=status)
    if trigger.return_outputs:
        return Response(_encoder.encode(outputs), status_code=status, media_type=trigger.response_content_type or _JSON)
    wire = wire_execution(
        execution, execution.created_at, task_runs=(), outputs=outputs, url=backend.execution_url(execution)
    )
    return Response(_encoder.encode(wire), status_code=status, media_type=_JSON)


async def _status(webhook: Webhook, execution: Execution, outputs: dict[str, Any] | None) -> int:
    code = webhook.trigger.response_code
    if isinstance(code, str):
        try:
            code = int(await _rendered_code(webhook, execution, code, outputs))
        except (ExpressionError, SegueError, ValueError) as error:
            logger.warning("responseCode of webhook %s: %s", webhook.trigger.id, error)
            return 500
    if code is not None:
        return code if 200 <= code <= 599 else 500
    return 500 if webhook.trigger.wait and execution.state is State.FAILED else 200


async def _rendered_code(webhook: Webhook, execution: Execution, text: str, outputs: dict[str, Any] | None) -> str:
    """``responseCode`` as the execution sees it, or else with the outputs of the flow. Raises what rendering raises."""
    if webhook.trigger.wait:
        found = await webhook.backend.debugger.evaluate(execution, text)
        if found.error is None:
            return found.result or ""
    roots = {"outputs": outputs or {}, "execution": {"id": execution.id}}
    rendered = await webhook.backend.inputs.expressions.evaluate(
        webhook.flow, lambda scene: webhook.render(scene, text, roots)
    )
    return rendered or ""


HANDLERS: list[Any] = [call_webhook]
