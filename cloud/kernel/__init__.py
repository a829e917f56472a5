"""What every stage stands on: policy, money, calendar, decisions, and the shape of a change."""
