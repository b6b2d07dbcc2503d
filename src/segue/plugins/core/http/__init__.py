"""``io.kestra.plugin.core.http`` (core plugins 5)."""
