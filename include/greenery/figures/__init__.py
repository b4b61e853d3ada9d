"""Rows in, the summary of a week out. Nothing here reads or writes a file or a database."""
