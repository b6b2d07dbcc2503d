"""Logging of a process: one readable line for each record, on stderr."""

import logging
import sys
import time

from segue.config import Configuration, ConfigurationError

_FORMAT = "%(asctime)s.%(msecs)03dZ %(levelname)-7s %(name)s  %(message)s"
_QUIET = {"uvicorn": logging.WARNING, "httpx": logging.WARNING, "alembic": logging.WARNING, "asyncio": logging.WARNING}


class _UtcFormatter(logging.Formatter):
    default_time_format = "%Y-%m-%dT%H:%M:%S"

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802  logging's name
        return time.strftime(datefmt or self.default_time_format, time.gmtime(record.created))


def configure_logs(configuration: Configuration) -> None:
    """Log to stderr at INFO, with the levels of the configuration. Raises for a level that is none."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_UtcFormatter(_FORMAT))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for name, quiet in _QUIET.items():
        logging.getLogger(name).setLevel(quiet)
    for name, text in configuration.log_levels.items():
        level = logging.getLevelNamesMapping().get(
            {"WARN": "WARNING", "TRACE": "DEBUG"}.get(text.upper(), text.upper())
        )
        if level is None:
            raise ConfigurationError(f"segue.log-levels.{name}: `{text}` is no log level")
        logging.getLogger("" if name.lower() == "root" else name).setLevel(level)
