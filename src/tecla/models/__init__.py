"""Models on this machine: resolving their names, and what is known about them."""
