"""Requests over HTTP for plugins: properties a flow writes, the client that makes the requests, and its errors.

``RequestProperties`` brings a task all properties of ``io.kestra.plugin.core.http``; ``HttpOptions`` only those of
``options``, for a plugin that knows its address itself. ``HttpClient`` does the rest: proxies, credentials, TLS,
redirects, time limits, logs, metrics.
"""

from segue.sdk.http.body import Body, form_body, multipart_body, text_body
from segue.sdk.http.client import HttpClient, check_status
from segue.sdk.http.errors import BodyIncompleteError, BodyTooLargeError, HttpError, HttpStatusError
from segue.sdk.http.options import (
    AuthOptions,
    BasicAuth,
    BearerAuth,
    DigestAuth,
    HttpLog,
    HttpOptions,
    ProxyOptions,
    ProxyType,
    SslOptions,
    TimeoutOptions,
)
from segue.sdk.http.properties import HttpRequest, Prepared, RequestProperties
from segue.sdk.http.response import HttpResponse
from segue.sdk.http.settings import Digest, HttpSettings, Login, Proxy, Token, settings_of

__all__ = [
    "AuthOptions",
    "BasicAuth",
    "BearerAuth",
    "Body",
    "BodyIncompleteError",
    "BodyTooLargeError",
    "Digest",
    "DigestAuth",
    "HttpClient",
    "HttpError",
    "HttpLog",
    "HttpOptions",
    "HttpRequest",
    "HttpResponse",
    "HttpSettings",
    "HttpStatusError",
    "Login",
    "Prepared",
    "Proxy",
    "ProxyOptions",
    "ProxyType",
    "RequestProperties",
    "SslOptions",
    "TimeoutOptions",
    "Token",
    "check_status",
    "form_body",
    "multipart_body",
    "settings_of",
    "text_body",
]
