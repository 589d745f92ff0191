"""Representations: native vectors under a dimension method and a precision."""
