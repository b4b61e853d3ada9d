"""Read, check and load one extract whole."""
