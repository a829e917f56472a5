"""Booking what is owed."""
