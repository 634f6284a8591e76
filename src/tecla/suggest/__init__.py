"""Suggestions for people who type: the facade over the engine, and sessions."""
