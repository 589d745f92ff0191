"""Scoring in parts: a task counts a query block against a gallery shard; ranks are their sum."""
