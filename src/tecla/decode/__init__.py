"""From scores to text: the exact caret, search and sampling, stopping. Knows no files."""
