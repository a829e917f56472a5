"""Simulated homes in step with the clock; the one place of the cloud that knows the edge."""
