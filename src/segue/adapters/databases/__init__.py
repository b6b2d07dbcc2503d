"""Databases: the only truth (design D2)."""
