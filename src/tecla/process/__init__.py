"""The engine in a process of its own: what it dies of costs one restart."""
