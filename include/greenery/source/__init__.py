"""The shop's tables and columns, and the extracts in folders."""
