"""Task runners of the script plugins. The path mirrors the names of the types."""
