"""Alerts: what they say, where they go, and which failures are silenced."""
