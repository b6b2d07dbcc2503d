"""What goes wrong while configuration is read."""

from segue.domain.errors import SegueError


class ConfigurationError(SegueError):
    """The configuration cannot be used; the message names the key, and never a secret value."""
