"""Errors on the wire: the problem document of 2.0 with the ``message`` of 1.x beside it (REST API 1.4)."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import ExceptionHandlersMap

from segue.domain import errors as domain
from segue.domain.violations import Violation
from segue.expr import ExpressionError
from segue.ports.clock import Ids

logger = logging.getLogger(__name__)

_DOCS = "https://kestra.io/docs/api-reference/problems/"
MEDIA_TYPE = "application/problem+json"
_FIXED_DETAIL = "An unexpected error occurred. The server's log has more under this traceId."
_BUSY_DETAIL = "A service the server needs is not available. Try again."


class Kind(msgspec.Struct, frozen=True):
    """A kind of problem: its slug, status, and the first words of the 1.x message."""

    slug: str
    status: int
    prefix: str

    @property
    def title(self) -> str:
        """The slug as words."""
        return self.slug.replace("-", " ").capitalize()


BAD_REQUEST = Kind("bad-request", 400, "Bad Request")
INVALID_QUERY_PARAMETER = Kind("invalid-query-parameter", 400, "Bad Request")
INVALID_QUERY_FILTERS = Kind("invalid-query-filters", 400, "Provided query filters are invalid")
BULK_VALIDATION_FAILED = Kind("bulk-validation-failed", 400, "Bad Request")
UNAUTHENTICATED = Kind("unauthenticated", 401, "Unauthorized")
FORBIDDEN = Kind("forbidden", 403, "Forbidden")
NOT_FOUND = Kind("not-found", 404, "Not Found")
METHOD_NOT_ALLOWED = Kind("method-not-allowed", 405, "Method Not Allowed")
CONFLICT = Kind("conflict", 409, "Illegal state")
ALREADY_EXISTS = Kind("entity-already-exists", 409, "Invalid entity")
RESOURCE_EXPIRED = Kind("resource-expired", 410, "Resource has expired")
PAYLOAD_TOO_LARGE = Kind("payload-too-large", 413, "Payload Too Large")
UNSUPPORTED_MEDIA_TYPE = Kind("unsupported-media-type", 415, "Unsupported Media Type")
INVALID_REQUEST_BODY = Kind("invalid-request-body", 422, "Invalid json mapping")
INVALID_PLUGIN_TYPE = Kind("invalid-plugin-type", 422, "Invalid type")
INVALID_ARGUMENT = Kind("invalid-argument", 422, "Illegal argument")
VALIDATION_FAILED = Kind("validation-failed", 422, "Invalid entity")
TOO_MANY_REQUESTS = Kind("too-many-requests", 429, "Too Many Requests")
INTERNAL_ERROR = Kind("internal-error", 500, "Internal server error")
SERVICE_UNAVAILABLE = Kind("service-unavailable", 503, "Service Unavailable")

_BY_STATUS = {
    kind.status: kind
    for kind in (
        BAD_REQUEST,
        UNAUTHENTICATED,
        FORBIDDEN,
        NOT_FOUND,
        METHOD_NOT_ALLOWED,
        CONFLICT,
        PAYLOAD_TOO_LARGE,
        UNSUPPORTED_MEDIA_TYPE,
        INVALID_ARGUMENT,
        TOO_MANY_REQUESTS,
        SERVICE_UNAVAILABLE,
    )
}
_BY_ERROR: tuple[tuple[type[Exception], Kind], ...] = (
    (domain.NotFoundError, NOT_FOUND),
    (domain.AlreadyExistsError, ALREADY_EXISTS),
    (domain.ConflictError, CONFLICT),
    (domain.IllegalStateError, CONFLICT),
    (domain.FlowSyntaxError, INVALID_REQUEST_BODY),
    (domain.InputInvalidError, VALIDATION_FAILED),
    (domain.UnavailableError, SERVICE_UNAVAILABLE),
    (domain.LimitExceededError, PAYLOAD_TOO_LARGE),
    (domain.SegueError, INVALID_ARGUMENT),
    (ExpressionError, INVALID_ARGUMENT),
)


class FieldError(msgspec.Struct, frozen=True, omit_defaults=True):
    """One entry of ``errors``: ``pointer`` is RFC 6901, ``path`` as in ``tasks[0].type``."""

    detail: str
    pointer: str
    path: str
    line: int | None = None
    column: int | None = None


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of every answer that is no success."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    message: str
    errors: tuple[FieldError, ...] = ()
    trace_id: str | None = msgspec.field(default=None, name="traceId")
    invalids: tuple[Mapping[str, str], ...] = ()


class ProblemError(domain.SegueError):
    """A request that is refused for a reason only the API knows; becomes the document of ``kind``."""

    def __init__(
        self,
        kind: Kind,
        detail: str,
        *,
        errors: tuple[FieldError, ...] = (),
        invalids: tuple[Mapping[str, str], ...] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.errors = errors
        self.invalids = invalids
        self.headers = dict(headers or {})


def problem(kind: Kind, detail: str, instance: str, **more: Any) -> Problem:
    """The document of ``kind``."""
    return Problem(
        type=_DOCS + kind.slug,
        title=kind.title,
        status=kind.status,
        detail=detail,
        instance=instance,
        message=f"{kind.prefix}: {detail}",
        **more,
    )


def violations_error(violations: tuple[Violation, ...]) -> ProblemError:
    """The refusal of a flow, naming every fault with its place."""
    errors = tuple(
        FieldError(item.message, _pointer(item.path), item.path, item.line, item.column) for item in violations
    )
    kind = VALIDATION_FAILED
    if violations and all(item.message.startswith(f"{INVALID_PLUGIN_TYPE.prefix}:") for item in violations):
        kind = INVALID_PLUGIN_TYPE
    return ProblemError(kind, ", ".join(_place(item) for item in violations), errors=errors)


def inputs_error(errors: Sequence[domain.InputInvalidError]) -> ProblemError:
    """The refusal of inputs, naming every one that does not fit (flow language 4.2)."""
    fields = tuple(FieldError(item.reason, f"/inputs/{item.input_id}", f"inputs.{item.input_id}") for item in errors)
    return ProblemError(VALIDATION_FAILED, ", ".join(item.message for item in errors), errors=fields)


def _place(item: Violation) -> str:
    return f"{item} (line {item.line})" if item.line is not None else str(item)


def _pointer(path: str) -> str:
    parts = path.replace("]", "").replace("[", ".").split(".") if path else []
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts if part)


def describe(error: Exception, instance: str, ids: Ids) -> tuple[Problem, dict[str, str]]:
    """The document and the extra headers for ``error``; what is not meant for users goes to the log only."""
    if isinstance(error, ProblemError):
        document = problem(error.kind, error.message, instance, errors=error.errors, invalids=error.invalids)
        return document, error.headers
    if isinstance(error, domain.FlowInvalidError):
        return describe(violations_error(error.violations), instance, ids)
    if isinstance(error, HTTPException):
        return _http(error, instance, ids)
    for known, kind in _BY_ERROR:
        if isinstance(error, known):
            if kind is SERVICE_UNAVAILABLE:
                return _hidden(kind, _BUSY_DETAIL, error, instance, ids), {"Retry-After": "1"}
            return problem(kind, str(error), instance), {}
    return _hidden(INTERNAL_ERROR, _FIXED_DETAIL, error, instance, ids), {}


def _http(error: HTTPException, instance: str, ids: Ids) -> tuple[Problem, dict[str, str]]:
    headers = {key: value for key, value in (error.headers or {}).items() if key.lower() == "allow"}
    if error.status_code >= 500 or error.status_code not in _BY_STATUS:
        return _hidden(INTERNAL_ERROR, _FIXED_DETAIL, error, instance, ids), headers
    kind = _BY_STATUS[error.status_code]
    detail = error.detail
    if isinstance(error, ValidationException):
        kind = INVALID_QUERY_PARAMETER
        faults = error.extra if isinstance(error.extra, list) else []
        named = [f"{item.get('key', '?')}: {item.get('message', '')}" for item in faults]
        detail = "; ".join(named) or error.detail
    elif kind is NOT_FOUND:
        detail = f"there is nothing at {instance}"
    return problem(kind, detail, instance), headers


def _hidden(kind: Kind, detail: str, error: Exception, instance: str, ids: Ids) -> Problem:
    trace_id = ids.new()
    logger.error("traceId %s: %s", trace_id, instance, exc_info=error)
    return problem(kind, detail, instance, trace_id=trace_id)


def exception_handlers(ids: Ids) -> ExceptionHandlersMap:
    """Handlers that turn every exception into its document."""

    def handle(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
        document, headers = describe(error, request.scope["path"], ids)
        return Response(document, status_code=document.status, headers=headers, media_type=MEDIA_TYPE)

    return {HTTPException: handle, Exception: handle}
