"""What was found becomes a case."""
