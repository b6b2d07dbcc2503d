"""The property ``options`` of HTTP tasks, as a flow writes it (core plugins 5.2)."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field
from pydantic.alias_generators import to_camel

from segue.domain.execution.logs import LogLevel
from segue.domain.flow.fields import Duration, tag
from segue.sdk.property import Property

READ_IDLE_TIMEOUT = timedelta(minutes=5)
_OLD: dict[str, Any] = {"deprecated": True, "$deprecated": True}


class ProxyType(StrEnum):
    """How a proxy is spoken to."""

    DIRECT = "DIRECT"
    HTTP = "HTTP"
    SOCKS = "SOCKS"


class HttpLog(StrEnum):
    """Parts of a call that are logged."""

    REQUEST_HEADERS = "REQUEST_HEADERS"
    REQUEST_BODY = "REQUEST_BODY"
    RESPONSE_HEADERS = "RESPONSE_HEADERS"
    RESPONSE_BODY = "RESPONSE_BODY"


class HttpModel(BaseModel):
    """Base of what HTTP tasks are configured with: immutable, camelCase in YAML, unknown properties refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True, coerce_numbers_to_str=True
    )


class TimeoutOptions(HttpModel):
    """How long to wait."""

    connect_timeout: Property[Duration] | None = None
    """Until a connection is there, TLS included; without it half a minute."""
    read_idle_timeout: Property[Duration] = Property.of(READ_IDLE_TIMEOUT)
    """For the next part of the response, or for the server to take the next part of the request."""


class ProxyOptions(HttpModel):
    """The proxy between the worker and the server."""

    type: Property[ProxyType] = Property.of(ProxyType.DIRECT)
    """The kind of proxy; `DIRECT` is none."""
    address: Property[str] | None = None
    """Name or address of the proxy; without it there is none."""
    port: Property[int] | None = None
    """Its port."""
    username: Property[str] | None = None
    """The user, where the proxy wants one."""
    password: Property[str] | None = None
    """The user's password."""


class BasicAuth(HttpModel):
    """A user and a password, sent with each request."""

    type: Literal["BASIC"]
    """`BASIC`."""
    username: Property[str] | None = None
    """The user."""
    password: Property[str] | None = None
    """The password."""


class BearerAuth(HttpModel):
    """A token, sent with each request."""

    type: Literal["BEARER"]
    """`BEARER`."""
    token: Property[str] | None = None
    """The token."""


class DigestAuth(HttpModel):
    """A user and a password that are proved, not sent (MD5 or SHA-256, as the server asks)."""

    type: Literal["DIGEST"]
    """`DIGEST`."""
    username: Property[str] | None = None
    """The user."""
    password: Property[str] | None = None
    """The password."""


def _auth_kind(value: Any) -> str | None:
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return tag(kind).tag if isinstance(kind, str) else None


AuthOptions = Annotated[
    Annotated[BasicAuth, tag("BASIC")] | Annotated[BearerAuth, tag("BEARER")] | Annotated[DigestAuth, tag("DIGEST")],
    Discriminator(_auth_kind),
]
"""One of the three, told apart by `type`."""


class SslOptions(HttpModel):
    """How the server's certificate is checked."""

    insecure_trust_all_certificates: Property[bool] | None = None
    """`true` takes any certificate: for tests, and servers reached over a network that is trusted."""


class HttpOptions(HttpModel):
    """How HTTP requests are made. The flat properties are those of 1.x; a grouped one wins over its flat form."""

    timeout: TimeoutOptions | None = None
    """How long to wait."""
    proxy: ProxyOptions | None = None
    """The proxy to use; those of the worker's environment are not."""
    auth: AuthOptions | None = None
    """Credentials; sent to the host and port of the request only, not to those it is redirected to."""
    ssl: SslOptions | None = None
    """How the server's certificate is checked."""
    follow_redirects: Property[bool] = Property.of(True)
    """Whether redirects are followed."""
    allow_failed: Property[bool] = Property.of(False)
    """Whether responses with a code of 400 and above are results like others."""
    allowed_response_codes: Property[list[int]] | None = None
    """The only codes that are results; all others fail, 2xx too."""
    enabled_tcp_extended_keep_alive: Property[bool] = Property.of(True)
    """Whether TCP probes keep a silent connection alive."""
    default_charset: Property[str] = Property.of("UTF-8")
    """The charset a text body is sent in."""
    logs: list[HttpLog] | None = None
    """Parts of request and response to log at DEBUG; credentials never are."""

    connect_timeout: Property[Duration] | None = Field(default=None, json_schema_extra=_OLD)
    """Use `timeout.connectTimeout`."""
    read_timeout: Property[Duration] | None = Field(default=None, json_schema_extra=_OLD)
    """Use `timeout.readIdleTimeout`."""
    proxy_type: Property[ProxyType] | None = Field(default=None, json_schema_extra=_OLD)
    """Use `proxy.type`."""
    proxy_address: Property[str] | None = Field(default=None, json_schema_extra=_OLD)
    """Use `proxy.address`."""
    proxy_port: Property[int] | None = Field(default=None, json_schema_extra=_OLD)
    """Use `proxy.port`."""
    proxy_username: Property[str] | None = Field(default=None, json_schema_extra=_OLD)
    """Use `proxy.username`."""
    proxy_password: Property[str] | None = Field(default=None, json_schema_extra=_OLD)
    """Use `proxy.password`."""
    basic_auth_user: Property[str] | None = Field(default=None, json_schema_extra=_OLD)
    """Use `auth` of type `BASIC`."""
    basic_auth_password: Property[str] | None = Field(default=None, json_schema_extra=_OLD)
    """Use `auth` of type `BASIC`."""
    log_level: LogLevel | None = Field(default=None, json_schema_extra=_OLD)
    """Use `logs`: `DEBUG` stands for the headers, `TRACE` for everything."""
    read_idle_timeout: Property[Duration] | None = Field(default=None, json_schema_extra=_OLD)
    """Has no effect; use `timeout.readIdleTimeout`."""
    connection_pool_idle_timeout: Property[Duration] | None = Field(default=None, json_schema_extra=_OLD)
    """Has no effect."""
    max_content_length: Property[int] | None = Field(default=None, json_schema_extra=_OLD)
    """Has no effect."""
