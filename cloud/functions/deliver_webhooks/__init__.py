"""Delivering what partners are told to their own endpoints."""
