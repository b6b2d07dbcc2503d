"""Amazon Ion text: a writer for `toIon` and a reader for `fromIon` (expression language 7.4, 8.1)."""
