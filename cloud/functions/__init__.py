"""The Lambda handlers: an event in, one process, an answer out; nothing is decided here."""
