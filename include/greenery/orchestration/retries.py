"""How often, how long and how far apart the tasks are tried."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule

from greenery.settings import DELIVERY_POOL
from greenery.warehouse.connection import RefusedError

SHORT = timedelta(seconds=30)
SENDING = timedelta(minutes=10)
PAUSE = timedelta(minutes=5)
# Where people have to act first, a retry only delays the alert; a wrong password that is tried often locks the user.
UNLESS_REFUSED = ExceptionRetryPolicy(rules=[RetryRule(RefusedError, RetryAction.FAIL)])
# Even a task that fails for good needs retries: its process may be killed, and Airflow counts a queued task that is
# cleared as failed.
KILLED: dict[str, Any] = {"retries": 2, "retry_delay": SHORT}
# The alert task keeps trying for a quarter of an hour, in case a channel is down.
TELLING: dict[str, Any] = {
    "pool": DELIVERY_POOL,
    "retries": 5,
    "retry_delay": SHORT,
    "retry_exponential_backoff": True,
    "max_retry_delay": PAUSE,
    "execution_timeout": SENDING,
}
