"""Duties that keep the system tidy, one per file."""
