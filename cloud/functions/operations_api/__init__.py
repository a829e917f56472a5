"""What the owner's people decide."""
