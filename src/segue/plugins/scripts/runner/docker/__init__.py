"""The Docker task runner, over the API of an engine: Docker's, or Podman's (core plugins 15)."""
