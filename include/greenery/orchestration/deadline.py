"""The deadline of a week's digest: which runs have one, and what happens when it is missed."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk.definitions.deadline import BaseDeadlineReference
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from greenery import settings

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

log = logging.getLogger(__name__)

NOTIFY_TRIES = 6  # Airflow calls once. The pauses are half a minute, then 1, 2, 4 and 5 minutes


class StartOfScheduledWeek(BaseDeadlineReference):
    """The logical date of a scheduled run, which is the start of its week. Other runs have no deadline.

    The built-in reference to the logical date counts for backfills too: the UI would show each backfilled week as
    missed.
    """

    required_kwargs = frozenset({"dag_id", "run_id"})

    def _evaluate_with(self, *, session: Session, dag_id: str, run_id: str) -> datetime | None:
        """Return the moment from which the deadline counts; None where no digest is due.

        The scheduler calls this when it makes a run.
        """
        from airflow.models import DagRun
        from sqlalchemy import select

        made = select(DagRun.logical_date).where(
            DagRun.dag_id == dag_id, DagRun.run_id == run_id, DagRun.run_type == "scheduled"
        )
        found: datetime | None = session.scalar(made)
        return found


def missed(context: dict[str, Any]) -> None:
    """Alert that the digest of a scheduled week is late.

    Airflow (3.3.2) calls this for a run that delivered its digest and then failed, too: it sends no alert. A scheduled
    run that a backfill runs again keeps its deadline. It has the type backfill in Airflow, but its digest is owed, so
    it does send one.

    context: `dag_run` as Airflow's API describes it.

    Raises NotSentError if a channel has not accepted the alert after several tries.
    """
    # Imported only here: a plugin imports this module in every process of Airflow.
    from greenery.channels import records, sent

    run, home = context["dag_run"], records.for_alerts(settings.load())
    ends = run["data_interval_end"]
    if run["run_type"] != "scheduled" and not (ends and sent.owed(home, datetime.fromisoformat(ends))):
        log.info("%s is not a scheduled run, and no digest of its week is owed: no alert", run["dag_run_id"])
        return
    from greenery.alerts import incidents
    from greenery.alerts.sending import NotSentError
    from greenery.orchestration.run_context import run_url

    as_of = home.check_as_of(datetime.fromisoformat(ends))
    tries = Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, NotSentError) and not error.permanent),
        stop=stop_after_attempt(NOTIFY_TRIES),
        wait=wait_exponential(multiplier=30, max=300),
        reraise=True,
    )
    run_id, state = run["dag_run_id"], f"its run is {run['state']}"
    told = tries(incidents.notify_late, home, as_of, run_id, run_url(run_id), state, waits=False)
    log.info("the digest of %s is late: alerted" if told else "the digest of %s is out", f"{as_of:%Y-%m-%d}")
