"""Pages that partners' people see, a module for each subject."""
