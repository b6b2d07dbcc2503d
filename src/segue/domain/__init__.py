"""The pure core: what a flow is, what an execution is, and how one moves. No I/O, no clock, no chance."""
