"""How often, how long and how far apart the tasks are tried."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from greenery.settings import DELIVERY_POOL

SHORT = timedelta(seconds=30)
SENDING = timedelta(minutes=10)
PAUSE = timedelta(minutes=5)
# For a task that fails for good by itself: its process may be killed, and one that is cleared while it is queued counts
# as failed with Airflow.
KILLED: dict[str, Any] = {"retries": 2, "retry_delay": SHORT}
# Who tells of what failed outlasts an outage of a quarter of an hour.
TELLING: dict[str, Any] = {
    "pool": DELIVERY_POOL,
    "retries": 5,
    "retry_delay": SHORT,
    "retry_exponential_backoff": True,
    "max_retry_delay": PAUSE,
    "execution_timeout": SENDING,
}
