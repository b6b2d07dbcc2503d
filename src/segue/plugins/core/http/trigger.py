"""``io.kestra.plugin.core.http.Trigger``: looks at an address now and then (core plugins 5.6)."""

from dataclasses import replace
from typing import Any, ClassVar

from segue.plugins.core.http.request import RequestOutput, fetched
from segue.sdk import Example, PollingTrigger, Property, TriggerContext, is_truthy
from segue.sdk.http import Prepared, RequestProperties

_TYPE = "io.kestra.plugin.core.http.Trigger"


class Trigger(PollingTrigger, RequestProperties):
    """Starts an execution when the response to an HTTP request meets a condition.

    The response is what expressions know as `trigger`: `uri`, `code`, `headers` and `body`. Whatever its code is, the
    condition decides.
    """

    type: ClassVar[str] = _TYPE
    aliases: ClassVar[frozenset[str]] = frozenset({"io.kestra.plugin.fs.http.Trigger"})

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Start when a page can be had",
            f"id: page\ntype: {_TYPE}\nuri: https://example.com/report\ninterval: PT5M",
        ),
        Example(
            "Start when there is something in the answer",
            f"id: orders\ntype: {_TYPE}\nuri: https://api.example.com/orders\nparams:\n  state: new\n"
            'responseCondition: "{{ (response.body | fromJson) is not empty }}"\nstopAfter:\n  - FAILED',
        ),
    )

    response_condition: Property[str] = Property.of("{{ response.statusCode < 400 }}")
    """What has to hold for an execution to start, with `response.statusCode`, `response.body` and
    `response.headers`."""
    encrypt_body: Property[bool] = Property.of(False)
    """Whether the body is kept encrypted, as `encryptedBody` in place of `body`."""

    async def poll(self, context: TriggerContext) -> RequestOutput | None:
        """Make the request. Raises as the task ``Request``, but for codes, and ``ExpressionError``."""
        request, settings = await self.prepare(context)
        prepared = Prepared(request, replace(settings, allows_failed=True, allowed_codes=frozenset()))
        encrypts = await context.render(self.encrypt_body) is True
        output = await fetched(context, prepared, encrypts=encrypts)
        body = output.body if output.encrypted_body is None else await context.decrypt(output.encrypted_body)
        response: dict[str, Any] = {"statusCode": output.code, "body": body, "headers": output.headers}
        condition = await context.render(str(self.response_condition.raw), {"response": response})
        return output if is_truthy(condition) else None
