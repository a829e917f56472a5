"""What people and the service manager do with the agent: commission, support, watch."""
