"""The expression language as configured."""

from segue.config import Configuration
from segue.expr import Engine


def expression_engine(configuration: Configuration) -> Engine:
    """With the server's dialect, limits and size of the cache; every process has its own."""
    section = configuration.expressions
    return Engine(dialect=section.dialect, limits=section.limits.limits, cache_size=configuration.variables.cache_size)
