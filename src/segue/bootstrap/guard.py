"""Nothing is reachable from other machines without credentials."""

import ipaddress

from segue.config import Configuration, ConfigurationError


def check_http(configuration: Configuration) -> None:
    """Raise ``ConfigurationError`` when the API would be open to other machines."""
    server = configuration.server
    if is_loopback(server.host) or server.basic_auth.credentials is not None:
        return
    raise ConfigurationError(
        f"segue.server.host: {server.host} can be reached from other machines, and there are no credentials. "
        "Set segue.server.basic-auth.username and password (SEGUE_SERVER_BASIC_AUTH_USERNAME and "
        "SEGUE_SERVER_BASIC_AUTH_PASSWORD in the environment), or listen on 127.0.0.1"
    )


def check_grpc(configuration: Configuration) -> None:
    """Raise ``ConfigurationError`` when any machine could take jobs."""
    controller = configuration.controller
    if is_loopback(controller.host) or controller.registration_token is not None:
        return
    raise ConfigurationError(
        f"segue.controller.host: {controller.host} can be reached from other machines, and workers need no "
        "token. Set segue.controller.registration-token (SEGUE_CONTROLLER_REGISTRATION_TOKEN) and the same "
        "as segue.worker.registration-token, or listen on 127.0.0.1"
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach ``host``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
