"""What changed between two versions of a published set, and because of what."""
