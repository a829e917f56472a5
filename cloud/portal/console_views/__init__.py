"""Pages that the owner's people see, a module for each subject."""
