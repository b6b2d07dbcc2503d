"""Benchmarks of a whole server: ``python -m benchmarks NAME``. See README.md beside this file."""
