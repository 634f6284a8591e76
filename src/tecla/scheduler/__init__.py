"""Many requests on one model: KV memory, batches, deadlines, overload. Knows no files."""
