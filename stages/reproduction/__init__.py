"""Rebuilding a run from its source files and stored replies, and comparing every output with dvc.lock."""
