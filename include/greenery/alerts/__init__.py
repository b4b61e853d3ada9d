"""Alerts: they open, update and resolve incidents, and choose the channels."""
