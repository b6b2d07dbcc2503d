"""What httpx raises, as errors that say what happened and what to do."""

import os
import socket
import ssl
from collections.abc import Iterator

import httpx

from segue.sdk.http.errors import HttpError
from segue.sdk.http.properties import shown
from segue.sdk.http.settings import HttpSettings

_INSECURE = (
    "add the authority to the worker's trust store (SSL_CERT_FILE), "
    "or set options.ssl.insecureTrustAllCertificates to true"
)


def fault_of(error: Exception, uri: str, settings: HttpSettings) -> HttpError:
    """The error of a request to ``uri`` that failed with ``error``."""
    place = f"'{shown(uri)}'"
    if isinstance(error, httpx.TimeoutException):
        return HttpError(_timeout(error, place, settings))
    if isinstance(error, httpx.ProxyError) and settings.proxy is not None:
        return HttpError(f"The proxy {_proxy(settings)} refuses the way to {place}: {_cause(error)}")
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return HttpError(f"The certificate of {place} is not trusted: {cause.verify_message}; {_INSECURE}")
        if isinstance(cause, ssl.SSLError):
            return HttpError(f"The TLS handshake with {place} failed: {cause.reason or cause}; is it an https address?")
        if isinstance(cause, socket.gaierror):
            whose = f"the proxy {_proxy(settings)}" if settings.proxy is not None else place
            return HttpError(f"The host of {whose} cannot be found: {cause.strerror}; check its name")
    if isinstance(error, httpx.ConnectError):
        through = f" through the proxy {_proxy(settings)}" if settings.proxy is not None else ""
        return HttpError(f"Cannot connect to {place}{through}: {_cause(error)}; is it reachable from the worker?")
    if isinstance(error, httpx.InvalidURL):
        return HttpError(f"{place} is no address: {error}")
    if isinstance(error, httpx.UnsupportedProtocol):
        return HttpError(f"{place} is no address of a request: it must begin with http:// or https://")
    return HttpError(f"The connection to {place} broke: {_cause(error)}")


def _timeout(error: httpx.TimeoutException, place: str, settings: HttpSettings) -> str:
    if isinstance(error, httpx.ConnectTimeout):
        seconds = settings.connect_timeout.total_seconds()
        return (
            f"No connection to {place} within {seconds:g} s: is it reachable from the worker? "
            "options.timeout.connectTimeout says how long to wait"
        )
    seconds = settings.read_idle_timeout.total_seconds()
    verb = "took" if isinstance(error, httpx.WriteTimeout) else "sent"
    return f"{place} {verb} nothing for {seconds:g} s; options.timeout.readIdleTimeout says how long to wait"


def _proxy(settings: HttpSettings) -> str:
    assert settings.proxy is not None, "only called with a proxy"
    return f"'{settings.proxy.host}:{settings.proxy.port}'"


def _cause(error: Exception) -> str:
    """The innermost reason of the system, else what httpx says."""
    found = [cause.errno for cause in _causes(error) if isinstance(cause, OSError) and (cause.errno or 0) > 0]
    return os.strerror(found[-1] or 0) if found else str(error) or type(error).__name__


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup) and error.exceptions:
            error = error.exceptions[0]
        else:
            error = error.__cause__ or error.__context__
