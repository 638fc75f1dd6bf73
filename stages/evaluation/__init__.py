"""Benchmarks, judges, metrics and the programs that they run."""
