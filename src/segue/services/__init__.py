"""The long-running parts. Each knows ports only, and none knows another."""
