"""`seqit eval`: evaluates one model on benchmarks, in a folder of its own."""
