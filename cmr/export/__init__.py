"""Leaving with the data: one small module a format that `cmr export` writes."""
