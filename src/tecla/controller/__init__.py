"""What to show, when to show it, when to stay silent: a text as it is written, and its ghost text."""
