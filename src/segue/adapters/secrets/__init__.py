"""Where secrets come from, and how what is stored secret is encrypted."""
