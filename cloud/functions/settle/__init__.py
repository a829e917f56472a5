"""Function: what the funding runs paid and took goes back to invoices and back-bills."""
