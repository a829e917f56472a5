"""Sending scheduled reports."""
