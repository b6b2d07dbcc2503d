"""Implementations of the ports, one folder per kind. Only the composition root imports from here."""
