"""The pure core: what flows, executions and triggers are and how they move. No input or output, no clock."""
