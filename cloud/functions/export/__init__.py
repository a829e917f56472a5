"""Writes exports that are too large for one answer."""
