"""What Airflow calls when a run has not ended by its deadline: tell that the report is missing, if it is missed."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from greenery import settings

log = logging.getLogger(__name__)


def missed(context: dict[str, Any]) -> None:
    """Tell that the digest of a scheduled week is late.

    context: `dag_run` as Airflow's API describes it. Airflow calls this for backfills too, and for a run that delivered
    and then failed: for these nothing is said.
    """
    run = context["dag_run"]
    if run["run_type"] != "scheduled":
        log.info("%s is no scheduled run: nobody waits for it", run["dag_run_id"])
        return
    # Sending is imported for a late week only: this is called for each week of a backfill.
    from greenery.alerts import incidents
    from greenery.tasks import run_url

    home = settings.load()
    as_of = home.check_as_of(datetime.fromisoformat(run["data_interval_end"]))
    told = incidents.tell_late(home, as_of, run["dag_run_id"], run_url(run["dag_run_id"]), f"its run is {run['state']}")
    log.info("the digest of %s is late: told of it" if told else "the digest of %s is out", f"{as_of:%Y-%m-%d}")
