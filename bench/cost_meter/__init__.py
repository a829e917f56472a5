"""What the cloud costs for each home: billable units, counted by our own meter, times dated prices.

Virtual gateways run through the real codec, topic rules, queues, handlers and tables of the local
runtime, on its simulated clock. Nothing is taken from what an emulator says of itself, and nothing
from the wall clock. `docs/cost.md` has the bill, and what is assumed.
"""
