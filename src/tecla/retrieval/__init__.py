"""Passages of what was learnt, found by words and by meaning, and offered above a text."""
