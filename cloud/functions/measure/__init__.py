"""Measuring a part of a region."""
