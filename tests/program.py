"""The program `greenery`, run within the process of a test."""

from __future__ import annotations

import pytest
from greenery.cli.app import main


def greenery(*arguments: str) -> int:
    """Run a command and return its exit code."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return int(ended.value.code or 0)
