"""Who calls an API."""
