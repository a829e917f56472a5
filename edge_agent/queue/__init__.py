"""The only queue of the agent: what was read stays on disk until the broker has taken it."""
