"""Stage 3, is something wrong: expected energy, 85 % for three days, and the 48-hour clock."""
