"""Pages for partners' people."""
