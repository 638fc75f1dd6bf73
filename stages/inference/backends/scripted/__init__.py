"""Replies by rule, for tests."""
