"""What goes wrong with HTTP requests. Messages name the place without its query, and say what to do."""

from segue.domain.errors import SegueError


class HttpError(SegueError):
    """A request that could not be made, or got no response that can be used."""


class HttpStatusError(HttpError):
    """A response with a code that the options do not allow (core plugins 5.2); ``code`` is that code."""

    def __init__(self, code: int, body: str = "") -> None:
        super().__init__(f"Failed http request with response code '{code}'" + (f" and body:\n{body}" if body else ""))
        self.code = code


class BodyTooLargeError(HttpError):
    """A response body over the limit of who reads it; ``size`` is how much of it is known."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"The response body has {size} bytes or more, and {limit} at most are read")
        self.size = size
        self.limit = limit


class BodyIncompleteError(HttpError):
    """The connection ended before the body did."""

    def __init__(self, received: int, expected: int) -> None:
        super().__init__(f"Invalid size, got {received}, expected {expected}")
        self.received = received
        self.expected = expected
