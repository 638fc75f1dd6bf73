"""Decontamination: overlaps of a corpus with benchmarks, its duplicates and its near duplicates."""
