"""The face of the local runtime: pages and JSON that show a person the whole stack at work."""
