"""A writing app for the terminal."""
