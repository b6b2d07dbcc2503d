"""What a webhook's caller sent, as the variables of its trigger (flow language 12.5)."""

import base64
from collections.abc import AsyncIterator, Iterable
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from litestar import Request

from segue.api.config import ApiConfig
from segue.api.multipart import Form, read_form
from segue.api.submission import read_body

_NEVER_KEPT = frozenset({"cookie", "proxy-authorization"})


def grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Values by name, in the order in which they came."""
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def headers_of(scope: Any, *, keep_basic: bool) -> dict[str, list[str]]:
    """Headers by lower-case name, without cookies, and without what may be this server's own password."""
    pairs = []
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        is_password = name == "authorization" and not keep_basic and value[:6].lower() == "basic "
        if name not in _NEVER_KEPT and not is_password:
            pairs.append((name, value))
    return grouped(pairs)


def parameters_of(scope: Any) -> dict[str, list[str]]:
    """Query parameters by name."""
    query = scope.get("query_string", b"")
    return grouped(parse_qsl(query.decode("latin-1"), keep_blank_values=True)) if query else {}


def read_value(body: bytes) -> Any:
    """A body as a template sees it: an object or list from JSON, else text, else base64."""
    if body.lstrip()[:1] in {b"{", b"["}:
        try:
            return msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return base64.b64encode(body).decode("ascii")


class Call:
    """One call of a webhook: variables ready, body and files as far as they were read."""

    def __init__(self, variables: dict[str, Any], body: bytes, form: Form) -> None:
        self.variables = variables
        self.body = body
        self.form = form


async def read_call(request: Request[Any, Any, Any], config: ApiConfig) -> Call:
    """Read a call whole. Raises ``ProblemError`` for a body over a limit or a broken form."""
    scope = request.scope
    variables: dict[str, Any] = {"headers": headers_of(scope, keep_basic=config.credentials is None)}
    variables["body"] = None  # templates may name it whether there is one or not
    variables["parameters"] = parameters_of(scope)
    content_type = variables["headers"].get("content-type", [""])[0]
    if content_type.lower().startswith("multipart/form-data"):
        form = await read_form(content_type, request.stream(), config.max_webhook_bytes, config.max_upload_bytes)
        variables["formFields"] = grouped(form.fields)
        return Call(variables, b"", form)
    body = await read_body(request, config.max_webhook_bytes)
    if body:
        variables["body"] = read_value(body)
        if content_type.lower().startswith("application/x-www-form-urlencoded") and isinstance(variables["body"], str):
            variables["formFields"] = grouped(parse_qsl(variables["body"], keep_blank_values=True))
    return Call(variables, body, Form())


async def one_chunk(body: bytes) -> AsyncIterator[bytes]:
    """A body as storage takes it."""
    yield body
