"""cmr: what a model, a dimension and a precision cost in cross-modal retrieval."""

__version__ = "0.1.0"
