"""The REST API: requests in, facts and reads out. It decides nothing about executions (design D1)."""

from segue.api.app import create_app
from segue.api.config import ApiConfig, Credentials
from segue.api.management import create_management_app
from segue.api.ports import ApiPorts

__all__ = ["ApiConfig", "ApiPorts", "Credentials", "create_app", "create_management_app"]
