"""The published suites, run over every adapter."""
