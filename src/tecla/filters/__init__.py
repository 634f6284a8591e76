"""What may be shown of a suggestion: keep, shorten or drop, each with a counted reason."""
