"""Internal storages."""
