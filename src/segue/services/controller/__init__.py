"""The controller: the workers' only way to the control plane (design D5, D6)."""

from segue.services.controller.config import ControllerConfig, ControllerPorts
from segue.services.controller.service import Controller

__all__ = ["Controller", "ControllerConfig", "ControllerPorts"]
