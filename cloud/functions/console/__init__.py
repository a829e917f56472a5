"""Pages for the owner's people."""
