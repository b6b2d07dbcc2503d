"""What tasks ask of the platform (``segue.domain.platform``): a module for each subject, one desk for all."""

from segue.services.controller.platform.desk import Desk

__all__ = ["Desk"]
