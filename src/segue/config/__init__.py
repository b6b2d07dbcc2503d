"""Configuration: typed sections, one loader (YAML and environment), a generated reference page."""

from segue.config.datasources import DataSource
from segue.config.errors import ConfigurationError
from segue.config.loader import Loaded, load
from segue.config.sections import Configuration

__all__ = ["Configuration", "ConfigurationError", "DataSource", "Loaded", "load"]
