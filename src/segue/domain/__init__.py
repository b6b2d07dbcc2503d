<<<<<<< HEAD
"""The pure core: what a flow is, what an execution is, and how one moves. No I/O, no clock, no chance."""
=======
"""The pure core: what flows, executions and triggers are and how they move. No input or output, no clock."""
>>>>>>> flow
