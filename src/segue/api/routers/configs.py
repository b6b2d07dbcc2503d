"""What clients ask first: version and settings (REST API 6.10)."""

import hashlib
from typing import Any

from litestar import get
from litestar.di import NamedDependency

from segue.api.backend import Backend
from segue.api.file_previews import FIRST_ROWS, MOST_ROWS

JsonObject = dict[str, Any]


@get("/configs")
async def get_configs(backend: NamedDependency[Backend]) -> JsonObject:
    """Version and settings. Clients choose their paths by ``version``."""
    config = backend.config
    settings: JsonObject = {
        "uuid": hashlib.sha256((config.url or config.system_namespace).encode()).hexdigest()[:22],
        "version": config.version,
        "serverVersion": config.server_version,
        "edition": "OSS",
        "isCustomDashboardsEnabled": False,
        "isAnonymousUsageEnabled": False,
        "isUiAnonymousUsageEnabled": False,
        "isTemplateEnabled": False,
        "isAiEnabled": False,
        "isAiApiKeyConfigured": False,
        "isBasicAuthInitialized": True,
        "isConcurrencyViewEnabled": False,
        "systemNamespace": config.system_namespace,
        "hiddenLabelsPrefixes": ["system.", "internal."],
        "preview": {"initial": FIRST_ROWS, "max": MOST_ROWS},
        "chartDefaultDuration": "PT24H",
        "pluginsHash": config.server_version,
    }
    return settings | ({"url": config.url} if config.url else {})


@get("/configs/login")
async def get_login_configs() -> JsonObject:
    """Whether a first user has to be made: never, users are part of the server's configuration."""
    return {"isBasicAuthInitialized": True}


@get("/basicAuthValidationErrors")
async def get_credential_faults() -> list[str]:
    """Problems of the configured credentials: a server with any does not start."""
    return []


HANDLERS: list[Any] = [get_configs, get_login_configs, get_credential_faults]
"""Below ``/api/v1``, without a tenant."""
