"""Telling partners what stands in the log."""
