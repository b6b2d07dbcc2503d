"""Queues: they wake people up (design D2)."""
