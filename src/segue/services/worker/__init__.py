"""The worker: runs tasks, and reaches the control plane by the worker protocol alone (design D6)."""

from segue.services.worker.config import WorkerConfig
from segue.services.worker.service import Worker

__all__ = ["Worker", "WorkerConfig"]
