"""Experiments of a user's own: how the rows of a corpus are read, and a params.yaml for it."""
