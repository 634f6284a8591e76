"""Language models behind one contract: token ids in, next-token scores out."""
