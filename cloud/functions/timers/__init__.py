"""Waking whoever asked."""
