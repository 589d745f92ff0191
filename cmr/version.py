"""The version of cmr."""

__version__ = "0.1.0"
