"""What gateways sent."""
