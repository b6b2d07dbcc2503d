"""Maps put over one another, whatever is within them."""

from collections.abc import Mapping
from typing import Any


def deep_merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """A new map: both joined key by key, maps within them too; of anything else the value of ``over`` counts."""
    joined = dict(base)
    for key, value in over.items():
        own = joined.get(key)
        joined[key] = deep_merge(own, value) if isinstance(own, Mapping) and isinstance(value, Mapping) else value
    return joined
