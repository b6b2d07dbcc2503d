"""Python for scripts: environments with their dependencies, and interpreters that have started already."""
