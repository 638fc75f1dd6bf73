"""seqit: sequential instruction tuning as a data-versioned pipeline."""
