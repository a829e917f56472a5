"""Judging every site."""
