"""Delivery: it decides which channel gets which digest, and remembers which digests are owed."""
