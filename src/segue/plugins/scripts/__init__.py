"""Tasks that run programs: ``io.kestra.plugin.scripts`` (core plugins 17). A module per language."""
