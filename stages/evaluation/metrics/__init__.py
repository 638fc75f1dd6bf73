"""Statistics that evaluation and reports share: intervals, tests, power."""
