"""Which digest goes where, and which is still to be sent."""
