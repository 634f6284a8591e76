"""Traditional systems behind the predictor contract: frequency, dictionary, n-gram, query log."""
