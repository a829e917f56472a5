"""Sees who connects."""
