"""The scheduler: everything that happens because its time has come (design D7)."""

from segue.services.scheduler.config import SchedulerConfig, SchedulerPorts, TriggerConfig, TriggerPorts
from segue.services.scheduler.timers import Timers
from segue.services.scheduler.triggers import Triggers

__all__ = ["SchedulerConfig", "SchedulerPorts", "Timers", "TriggerConfig", "TriggerPorts", "Triggers"]
