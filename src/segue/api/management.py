"""The management port: health, version, metrics (server document 5). Not for the open internet."""

from collections.abc import Callable, Mapping
from typing import Any

from litestar import Litestar, Response, get
from litestar.handlers import HTTPRouteHandler

from segue import __version__

Health = Callable[[], Mapping[str, str]]
"""``status`` UP or DOWN, and what else there is to say, as ``Service.health`` answers."""
Gauge = Callable[[], float]

_UP = "UP"
_DOWN = "DOWN"
_METRICS = "text/plain; version=0.0.4; charset=utf-8"


def create_management_app(
    health: Mapping[str, Health],
    gauges: Mapping[str, Gauge] | None = None,
    *,
    version: str = __version__,
    server_type: str = "STANDALONE",
) -> Litestar:
    """An application with ``/health``, ``/health/liveness``, ``/health/readiness``, ``/version``, ``/prometheus``.

    ``health`` tells of each part; the whole is UP when all are. ``gauges`` are read at each request; their
    names are those of Prometheus.
    """

    @get("/health", sync_to_thread=False)
    def get_health() -> Response[dict[str, Any]]:
        """All parts; 503 when one is down."""
        details = {name: _ask(part) for name, part in health.items()}
        status = _DOWN if any(part.get("status") != _UP for part in details.values()) else _UP
        return Response({"status": status, "details": details}, status_code=_code(status))

    @get("/health/liveness", sync_to_thread=False)
    def get_liveness() -> dict[str, str]:
        """Whether the process answers; nothing else, so that a lost database restarts nobody."""
        return {"status": _UP}

    @get("/health/readiness", sync_to_thread=False)
    def get_readiness() -> Response[dict[str, str]]:
        """Whether it should be given work."""
        is_up = all(_ask(part).get("status") == _UP for part in health.values())
        status = _UP if is_up else _DOWN
        return Response({"status": status}, status_code=_code(status))

    @get("/version", sync_to_thread=False)
    def get_version() -> dict[str, str]:
        """Which server this is."""
        return {"version": version, "serverType": server_type}

    @get("/prometheus", sync_to_thread=False, media_type=_METRICS)
    def get_metrics() -> str:
        """Gauges in the text format; one that fails is left out."""
        lines = [line for name, gauge in (gauges or {}).items() for line in _metric(name, gauge)]
        return "".join(lines)

    handlers: list[HTTPRouteHandler] = [get_health, get_liveness, get_readiness, get_version, get_metrics]
    return Litestar(route_handlers=handlers, openapi_config=None, logging_config=None)


def _ask(part: Health) -> Mapping[str, str]:
    try:
        return part()
    except Exception as error:  # a part that cannot answer is down, whatever the reason
        return {"status": _DOWN, "error": type(error).__name__}


def _metric(name: str, gauge: Gauge) -> list[str]:
    try:
        value = gauge()
    except Exception:  # one broken gauge must not hide the others
        return []
    return [f"# TYPE {name} gauge\n", f"{name} {value:g}\n"]


def _code(status: str) -> int:
    return 200 if status == _UP else 503
