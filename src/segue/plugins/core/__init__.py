"""Plugins of the core (``io.kestra.plugin.core``)."""
