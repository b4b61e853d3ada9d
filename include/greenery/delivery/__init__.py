"""Sending what was rendered: the ledger of what went out, and one module a channel."""


class PermanentError(Exception):
    """A channel refuses what is sent and will again: the message says what to fix."""


class PassingError(Exception):
    """A channel can't be reached, or is busy, after the tries within a bound: another run may succeed."""
