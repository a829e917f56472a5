"""Mails are read, and what became of ours is noted."""
