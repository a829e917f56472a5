"""The ports made real: one file for each outside thing."""
