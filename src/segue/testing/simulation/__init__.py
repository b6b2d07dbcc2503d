"""Millions of histories of random flows under random faults (design 8).

A seed draws flows out of every task the engine runs itself, and a history: executors with caches that are out of
date, crashes between any two writes, wake-ups that are lost, doubled or late, workers that vanish and report late,
timers that come late or twice, and users who kill, pause and restart. After each write and at the end everything that
must hold is checked. The same seed gives the same history:
``python -m segue.testing.simulation --seeds 17:18 --story``.
"""

from segue.testing.simulation.run import Outcome, SimulationError, simulate

__all__ = ["Outcome", "SimulationError", "simulate"]
