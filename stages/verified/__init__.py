"""Sequences of tasks that are correct by construction: generated from a seed, answered by functions, graded by rule."""
