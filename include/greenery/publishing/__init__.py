"""Admit an extract and switch the published version; open what is published."""
