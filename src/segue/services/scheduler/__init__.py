"""The scheduler: everything that happens because its time has come (design D7)."""

from segue.services.scheduler.config import SchedulerConfig, SchedulerPorts
from segue.services.scheduler.timers import Timers

__all__ = ["SchedulerConfig", "SchedulerPorts", "Timers"]
