"""Checks of a published data set against its own facts, prompt files, stored replies and source corpora."""
