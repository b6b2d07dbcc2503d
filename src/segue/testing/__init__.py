"""Published for whoever writes an adapter or tests with real servers: conformance suites and servers."""
