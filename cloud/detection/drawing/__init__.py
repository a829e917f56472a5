"""The parts of the evidence picture: its paper, its field, its words; pure."""
