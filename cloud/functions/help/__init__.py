"""The form by which customers ask for help."""
