"""The personal model: what was learnt of one owner's documents, as an n-gram without bound."""
