"""Word n-gram models: counted from text, smoothed after Kneser and Ney, kept in one file."""
