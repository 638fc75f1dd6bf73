"""Requests to models: backends, scheduling, budgets, progress."""
