"""What the field said: chunks checked, days of energy."""
