"""The calendar of funding days, for everybody."""
