"""What to show, when, and when to stay silent: a text as it is written, and its ghost text."""
