"""Judging a region."""
