"""vLLM on a Ray cluster, through Ray Data."""
