"""Corpora as downloaded, read into records; one module a source format, listed in stages/core/registry.py."""
