"""Searches that return lists: exact, graphs, and two stages."""
