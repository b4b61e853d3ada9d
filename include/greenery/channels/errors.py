"""The two errors of sending: the channel refuses for good, or sending is not possible now."""


class PermanentError(Exception):
    """A channel refuses the message and would refuse it again. The text says what to fix."""


class PassingError(Exception):
    """A channel was busy or could not be reached in all attempts. Another run may succeed."""
