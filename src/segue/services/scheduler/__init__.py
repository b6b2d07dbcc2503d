"""The scheduler: everything that happens because its time has come, or because something else happened (design D7)."""

from segue.services.scheduler.config import (
    FollowerConfig,
    FollowerPorts,
    SchedulerConfig,
    SchedulerPorts,
    TriggerConfig,
    TriggerPorts,
)
from segue.services.scheduler.followers import Followers
from segue.services.scheduler.settling import Settling
from segue.services.scheduler.timers import Timers
from segue.services.scheduler.triggers import Triggers

__all__ = [
    "FollowerConfig",
    "FollowerPorts",
    "Followers",
    "SchedulerConfig",
    "SchedulerPorts",
    "Settling",
    "Timers",
    "TriggerConfig",
    "TriggerPorts",
    "Triggers",
]
