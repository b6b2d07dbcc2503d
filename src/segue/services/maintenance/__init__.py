"""Duties that keep the system true to its promises, one per file."""
