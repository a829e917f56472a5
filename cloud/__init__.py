"""Everything of Sunreeve that runs off the roof: the stages of the stream and what carries them."""
