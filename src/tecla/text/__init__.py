"""Bytes, characters, graphemes and words, and the caret in the middle of them. Knows no engine."""
