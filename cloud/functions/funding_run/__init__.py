"""Planning, committing and filing a run."""
