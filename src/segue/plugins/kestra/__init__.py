"""``io.kestra.plugin.kestra``: tasks that ask the server they run on, or another one (core plugins 18)."""
