"""HTTP on behalf of expressions."""
