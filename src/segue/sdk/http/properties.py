"""The properties of everything that makes one request (core plugins 5.1), and the request they make."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from pydantic import Field

from segue.sdk.context import RunContext
from segue.sdk.http.body import MULTIPART, Body, form_body, multipart_body, text_body
from segue.sdk.http.errors import HttpError
from segue.sdk.http.options import HttpModel, HttpOptions, SslOptions
from segue.sdk.http.settings import Digest, HttpSettings, settings_of
from segue.sdk.property import Property, json_text

JSON = "application/json"
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SCHEMES = ("http", "https")
_SHOWN = 200


@dataclass(frozen=True)
class HttpRequest:
    """A request that can be sent, more than once if need be. ``headers`` may repeat names."""

    uri: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: Body | None = None


class Prepared(NamedTuple):
    """A request and how it is made."""

    request: HttpRequest
    settings: HttpSettings


class RequestProperties(HttpModel):
    """Properties of tasks and triggers that make a request; ``prepare`` renders them."""

    uri: Property[str]
    """The address, with `http://` or `https://`; blanks in it are sent as `%20`."""
    method: Property[str] = Property.of("GET")
    """The method: `GET`, `POST`, `PUT` and so on."""
    params: Property[dict[str, Any]] | None = None
    """Parameters that are added to those of the address; a list repeats its name."""
    headers: Property[dict[str, Any]] | None = None
    """Headers of the request; a list repeats its name. A `Content-Type` among them is sent as it is, without a charset
    added."""
    content_type: Property[str] = Property.of(JSON)
    """The type of the body."""
    body: Property[str] | None = None
    """The body, a text; a map or list is sent as JSON."""
    form_data: Property[dict[str, Any]] | None = None
    """A form, in place of `body`. With the content type `multipart/form-data`, URIs of internal storage and maps of
    `name` and `content` (a URI) are sent as files."""
    options: HttpOptions | None = None
    """How the request is made: timeouts, proxy, credentials, TLS, redirects, codes."""

    allow_failed: Property[bool] | None = Field(
        default=None, json_schema_extra={"deprecated": True, "$deprecated": True}
    )
    """Use `options.allowFailed`."""
    ssl_options: SslOptions | None = Field(default=None, json_schema_extra={"deprecated": True, "$deprecated": True})
    """Use `options.ssl`."""

    async def prepare(self, context: RunContext) -> Prepared:
        """Everything rendered. Raises ``HttpError`` for what makes no request, and what rendering raises."""
        settings = await settings_of(self._options(), context)
        params = {} if self.params is None else await context.render(self.params) or {}
        uri = with_params(await context.render(self.uri) or "", params)
        _check(uri, settings)
        method = (await context.render(self.method) or "GET").strip().upper()
        if not _TOKEN.fullmatch(method):
            raise HttpError(f"There can be no method '{method[:30]}'; use GET, POST, PUT, PATCH, DELETE or HEAD")
        headers = tuple(_headers({} if self.headers is None else await context.render(self.headers) or {}))
        named = next((value for name, value in headers if name.lower() == "content-type"), "")
        content_type = named or (await context.render(self.content_type) or JSON).strip()
        body = await self._body(context, content_type, settings.charset)
        kept = tuple(pair for pair in headers if pair[0].lower() != "content-type")
        is_form = self.form_data is not None  # whose type has a boundary, or is always the same
        final = content_type if body is None or (named and not is_form) else body.content_type
        return Prepared(HttpRequest(uri, method, (*kept, ("Content-Type", final)), body), settings)

    def _options(self) -> HttpOptions | None:
        """The options with what 1.x wrote beside them."""
        options = self.options or HttpOptions()
        older: dict[str, Any] = {}
        if self.allow_failed is not None and "allow_failed" not in options.model_fields_set:
            older["allow_failed"] = self.allow_failed
        if self.ssl_options is not None and options.ssl is None:
            older["ssl"] = self.ssl_options
        return options.model_copy(update=older)

    async def _body(self, context: RunContext, content_type: str, charset: str) -> Body | None:
        if self.form_data is not None:
            form = await context.render(self.form_data) or {}
            if content_type.partition(";")[0].strip().lower() == MULTIPART:
                return await multipart_body(form, charset, context.files)
            return form_body(form, charset)
        text = None if self.body is None else await context.render(self.body)
        return None if not text else text_body(text, content_type, charset)


def with_params(uri: str, params: Mapping[str, Any]) -> str:
    """An address with parameters behind those it has. Raises ``HttpError`` for one that is a map."""
    address, hash_, fragment = uri.strip().replace(" ", "%20").partition("#")
    more = "&".join(
        f"{quote(name, safe='')}={quote(text, safe='')}"
        for name, value in params.items()
        for text in _texts(name, value)
    )
    if more:
        address += ("" if address.endswith(("?", "&")) else "&" if "?" in address else "?") + more
    return address + hash_ + fragment


def _texts(name: str, value: Any) -> list[str]:
    values = value if isinstance(value, list | tuple) else [value]
    if any(isinstance(one, Mapping | list | tuple) for one in values):
        raise HttpError(f"Unsupported param type: '{name}' must be a text or a list of texts")
    return [one if isinstance(one, str) else json_text(one) for one in values if one is not None]


def _headers(headers: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name):
            raise HttpError(f"There can be no header with the name '{name[:_SHOWN]!r}'")
        for one in value if isinstance(value, list | tuple) else [value]:
            text = (one if isinstance(one, str) else json_text(one)).strip()
            if any(char in "\r\n\0" for char in text):
                raise HttpError(f"The header '{name}' has a line break in its value; trim it, for example with | trim")
            if one is not None:
                yield name, text


def _check(uri: str, settings: HttpSettings) -> None:
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise HttpError(f"'{shown(uri)}' is no address: {error}") from None
    if parts.scheme.lower() in _SCHEMES and host:
        return
    if isinstance(settings.credentials, Digest):
        raise HttpError("Digest authentication requires an absolute URI with a host.")
    raise HttpError(
        f"'{shown(uri)}' is no address of a request: it must begin with http:// or https:// and name a host"
    )


def shown(uri: str) -> str:
    """An address for a message: without user, query and fragment, which may hold secrets."""
    address = uri.partition("#")[0].partition("?")[0]
    scheme, mark, rest = address.rpartition("://")
    place, slash, path = rest.partition("/")
    return f"{scheme}{mark}{place.rpartition('@')[2]}{slash}{path}"[:_SHOWN]
