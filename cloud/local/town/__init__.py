"""A town for a stack of this machine: some four hundred homes and five months of their business.

All of it is invented and follows from a seed; every fact comes through the product's own processes.
"""
