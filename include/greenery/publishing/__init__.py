"""Admit an extract and switch readers to a new version of the published data; open the published data."""
