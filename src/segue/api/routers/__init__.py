"""One module per resource, each with ``HANDLERS``: what it adds below ``/api/v1/{tenant}``."""
