"""Representations: what a dimension method and a precision make of native vectors."""
