"""What every package builds on: records, completions, artifacts on disk, errors, the command line."""
