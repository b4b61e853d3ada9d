"""Which incident is opened, notified and resolved, and over which channels."""
