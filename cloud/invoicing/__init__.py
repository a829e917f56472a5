"""Stage 5, what the visit cost: complete invoices, approval, who bears the cost, back-bills."""
