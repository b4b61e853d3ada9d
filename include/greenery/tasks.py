"""The steps of the weekly DAG as Airflow tasks: each calls one function of the package with the run's week."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import BaseSensorOperator, Context, task
from airflow.sdk.exceptions import AirflowFailException

from greenery import settings
from greenery.settings import DAG_ID, WAREHOUSE_POOL

# Imported inside the tasks: reading the DAG file must not load DuckDB, pandas or the chart renderer.

log = logging.getLogger(__name__)

SHORT = timedelta(seconds=30)


class WaitForExtract(BaseSensorOperator):
    """Wait until the extract of the run's week is there; only a scheduled run waits, another fails at once.

    An extract that was landed before needs no source any more.
    """

    def poke(self, context: Context) -> bool:
        """Return whether the extract can be landed; raise AirflowFailException where waiting makes no sense."""
        from greenery import extracts, ledger
        from greenery.warehouse import connect

        home = settings.load()
        as_of = week_end(context)
        for line in extracts.ignored_folders(home):
            self.log.warning(line)
        try:
            extracts.find(home, as_of)
        except extracts.ExtractError as error:
            with connect(home) as connection:
                landed = ledger.newest(connection, as_of)
            if landed and isinstance(error, extracts.MissingExtractError):
                return True
            if context["dag_run"].run_type != "scheduled":
                raise AirflowFailException(str(error)) from error
            self.log.info("waiting: %s", error)
            return False
        return True


class AcquireWarehouse(BaseSensorOperator):
    """Take the lock of the run that builds; wait while another running run holds it."""

    def poke(self, context: Context) -> bool:
        """Return whether this run holds the lock."""
        from greenery import ledger
        from greenery.warehouse import connect

        def is_running(run_id: str) -> bool:
            return context["ti"].get_dr_count(dag_id=DAG_ID, run_ids=[run_id], states=["running"]) > 0

        with connect(settings.load()) as connection:
            return ledger.acquire(connection, context["run_id"], week_end(context), is_running)


def week_end(context: Context | dict[str, Any]) -> datetime:
    """Return the as_of of the run's week (naive UTC): the end of its data interval.

    Raises AirflowFailException where the run has no interval, or one that ends no week.
    """
    end = context.get("data_interval_end")
    if end is None:
        raise AirflowFailException(
            "this run has no week: trigger it with a logical date, or run make backfill FROM=<day the week ends>."
        )
    try:
        return settings.load().check_as_of(end)
    except settings.SettingError as error:
        raise AirflowFailException(str(error)) from error


@task(pool=WAREHOUSE_POOL, retries=2, retry_delay=SHORT)
def land(**context: Any) -> dict:
    """Check the extract's every value and land it whole, or not at all."""
    from dataclasses import asdict

    from greenery import landing, status
    from greenery.extracts import ExtractError
    from greenery.warehouse import connect

    home, params = settings.load(), context["params"]
    try:
        landed = landing.land(
            home, week_end(context), reextract=params["reextract"], accept_shrink=params["accept_shrink"]
        )
    except (ExtractError, settings.SettingError) as error:
        # The files are what they are: another try would say the same.
        raise AirflowFailException(str(error)) from error
    log.info("extract %s: %s", landed.extract_id, landed.outcome)
    for warning in landed.warnings:
        log.warning(warning)
    with connect(home) as connection:
        status.record(home, connection)
    return {**asdict(landed), "as_of": f"{landed.as_of:%Y-%m-%d}"}


@task(pool=WAREHOUSE_POOL, retries=0)
def quality(**context: Any) -> dict:
    """Judge the week's marts; a failed critical check holds the extract and ends the run failed."""
    from greenery.quality import HeldError, judge

    try:
        verdict = judge(settings.load(), context["run_id"])
    except HeldError as error:
        raise AirflowFailException(str(error)) from error
    for check in verdict.failed_warnings:
        log.warning("%s: %s", check["meaning"], check["observed"])
    return {
        "checks": len(verdict.checks),
        "warnings": [check["check"] for check in verdict.failed_warnings],
    }


@task(pool=WAREHOUSE_POOL, retries=2, retry_delay=SHORT)
def publish(**context: Any) -> int:
    """Admit the extract and switch the published version to what was built and judged."""
    from greenery import publishing

    return publishing.publish(settings.load(), context["run_id"])


@task(pool=WAREHOUSE_POOL, retries=2, retry_delay=SHORT)
def release_warehouse(**context: Any) -> None:
    """Give the lock back."""
    from greenery import ledger, publishing
    from greenery.warehouse import connect

    home = settings.load()
    with connect(home) as connection:
        publishing.catch_up(home, connection)
        ledger.release(connection, context["run_id"])


@task(pool=WAREHOUSE_POOL, retries=2, retry_delay=SHORT)
def report(**context: Any) -> str:
    """Write the week's report from the published relations, and return its folder."""
    from greenery import status, weekly_report
    from greenery.warehouse import connect

    home = settings.load()
    folder = weekly_report.write(home, week_end(context))
    with connect(home) as connection:
        status.record(home, connection)
    return str(folder)
