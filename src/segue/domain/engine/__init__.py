"""The engine: how an execution moves when something happens to it (flow language 7, 9, 10; design D1)."""
