"""Scoring: for every query, how many competitors are above and tied with each relevant item."""
