"""Validate artifacts: polars computes columns, Great Expectations checks them; no other package imports it."""
