"""Getting the image (core plugins 15)."""

import asyncio
import re
from collections.abc import Mapping
from typing import Any

from segue.plugins.scripts.runner.docker.engine import Engine, EngineError
from segue.plugins.scripts.runner.docker.images import ImageName, auth_header
from segue.plugins.scripts.runner.docker.options import PullPolicy
from segue.sdk import RunContext, TaskFailed

ATTEMPTS = 5
FIRST_PAUSE = 5.0
LONGEST_PAUSE = 120.0
"""In seconds; the pause doubles with each attempt."""

_NOT_THERE = re.compile(
    r"not found|no such image|manifest unknown|does not exist|name unknown|repository .* denied", re.IGNORECASE
)
_REFUSED = re.compile(r"unauthorized|denied|authentication required|forbidden|invalid reference", re.IGNORECASE)


class _PullError(Exception):
    """A registry or the engine failed; ``is_final`` when another attempt would end the same way."""

    def __init__(self, reason: str, *, is_final: bool) -> None:
        super().__init__(reason)
        self.is_final = is_final


async def provide_image(
    engine: Engine, context: RunContext, image: ImageName, policy: PullPolicy, login: Mapping[str, str] | None
) -> None:
    """See to it that the engine has the image. Raises ``TaskFailed`` with the name of an image that is not there."""
    if policy is not PullPolicy.ALWAYS and await _is_there(engine, image):
        return
    if policy is PullPolicy.NEVER:
        raise TaskFailed(f"Image '{image}' not found on the Docker host, and `pullPolicy` is NEVER")
    with context.insights.step("Pull image", image=str(image)) as step:
        pause = FIRST_PAUSE
        for attempt in range(1, ATTEMPTS + 1):
            try:
                layers = await _pull(engine, context, image, login)
                step.set(attempts=attempt, layers=len(layers), bytes=sum(layers.values()))
                return
            except _PullError as error:
                if error.is_final or attempt == ATTEMPTS:
                    raise TaskFailed(_explained(image, str(error))) from None
                context.logger.warn(
                    "Image '%s' could not be pulled, next attempt in %g s: %s", image, pause, str(error)
                )
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)


def _explained(image: ImageName, reason: str) -> str:
    if _NOT_THERE.search(reason):
        return f"Image '{image}' not found: {reason}"
    return f"Image '{image}' could not be pulled: {reason}"


async def _is_there(engine: Engine, image: ImageName) -> bool:
    try:
        await engine.ask("GET", f"/images/{image}/json")
    except EngineError as error:
        if error.status == 404:
            return False
        raise
    return True


async def _pull(
    engine: Engine, context: RunContext, image: ImageName, login: Mapping[str, str] | None
) -> dict[str, int]:
    """Fetch it once; the sizes of the layers that came over the network. Raises ``_PullError``."""
    layers: dict[str, int] = {}
    done: dict[str, int] = {}
    headers = {} if login is None else {"X-Registry-Auth": auth_header(login)}
    params = {"fromImage": image.repository, "tag": image.tag}
    try:
        async for news in engine.news("POST", "/images/create", params, headers):
            fault = news.get("error")
            if fault:
                raise _PullError(str(fault)[:2000], is_final=bool(_NOT_THERE.search(fault) or _REFUSED.search(fault)))
            _follow(news, layers, done)
            if layers:
                context.insights.progress(sum(done.values()), sum(layers.values()), f"Pulling {image}")
    except EngineError as error:
        reason = error.message
        is_known = bool(_NOT_THERE.search(reason) or _REFUSED.search(reason))
        raise _PullError(reason, is_final=error.status < 500 or is_known) from None
    return layers


def _follow(news: Mapping[str, Any], layers: dict[str, int], done: dict[str, int]) -> None:
    layer, detail = news.get("id"), news.get("progressDetail")
    if not isinstance(layer, str) or not isinstance(detail, Mapping) or not detail.get("total"):
        return
    if news.get("status") == "Downloading":
        layers[layer], done[layer] = int(detail["total"]), int(detail.get("current", 0))
