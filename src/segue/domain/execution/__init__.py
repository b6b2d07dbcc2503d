"""Executions, their task runs, and the facts that move them (flow language 9, 10)."""
