"""Triggers at work: whether and with what they start executions (flow language 12, 13)."""
