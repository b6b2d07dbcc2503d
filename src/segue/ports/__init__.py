"""What the services need from the outside, as protocols. Their docstrings are the specification that
every adapter is tested against (``segue.testing``)."""
