"""Stage 7, looking back: what happened by an instant, told the same way whenever it is asked."""
