"""Looking at what nobody else looks at."""
