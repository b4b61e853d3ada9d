"""A simulated plant shop and its weekly extracts."""
