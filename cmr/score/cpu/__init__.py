"""Counting on CPUs, by numba."""
