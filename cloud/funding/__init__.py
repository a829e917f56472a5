"""Stage 6, what we pay: clocks and offsets, netting, the ledger, the funding run, the bank file."""
