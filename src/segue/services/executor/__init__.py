"""The executor: facts in, decisions out, one transaction per batch (design D1, D3)."""

from segue.services.executor.config import ExecutorConfig, ExecutorPorts
from segue.services.executor.executor import Executor

__all__ = ["Executor", "ExecutorConfig", "ExecutorPorts"]
