"""Compiled twins of the reference; nothing else knows Numba."""
