"""Stage 4, someone must go: cases, work orders, routing, clocks, reports and the mail thread."""
