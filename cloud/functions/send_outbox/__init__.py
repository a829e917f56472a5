"""Letting letters and messages leave."""
