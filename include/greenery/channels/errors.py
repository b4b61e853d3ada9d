"""Why something was not sent: for good, or for now."""


class PermanentError(Exception):
    """A channel refuses what is sent and will again: the message says what to fix."""


class PassingError(Exception):
    """A channel can't be reached, or is busy, after the tries within a bound: another run may succeed."""
