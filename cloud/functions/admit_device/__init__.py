"""Says yes or no to devices that ask for a certificate."""
