"""The composition root: one function per role, the only place where adapters meet services."""
