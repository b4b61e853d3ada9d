"""`greenery down`: stop the Airflow of `greenery up`."""

from __future__ import annotations

from greenery.local_airflow import background
from greenery.settings import load


def down() -> None:
    """Stop the Airflow that `greenery up` started for this home, and all remaining processes of one that was killed.

    Example: `greenery down`
    """
    background.down(load())
