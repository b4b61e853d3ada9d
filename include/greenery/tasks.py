"""The steps of the weekly DAG as Airflow tasks: each calls one function of the package with the run's week."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from airflow.sdk import BaseSensorOperator, Context, task
from airflow.sdk.configuration import conf
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
        if withdrawal(context):
            return True
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
            try:
                return ledger.acquire(connection, context["run_id"], week_end(context), is_running, withdrawal(context))
            except (ledger.NothingToWithdrawError, ledger.LockLostError) as error:
                raise AirflowFailException(str(error)) from error


def week_end(context: Context | dict[str, Any]) -> datetime:
    """Return the as_of of the run's week (naive UTC): the end of its data interval.

    A run that was triggered without a date is for the newest week that had ended then.

    Raises AirflowFailException where the run's interval ends no week.
    """
    end = context.get("data_interval_end")
    home = settings.load()
    if end is None:
        return home.newest_week_end(context["dag_run"].run_after)
    try:
        return home.check_as_of(end)
    except settings.SettingError as error:
        raise AirflowFailException(str(error)) from error


def withdrawal(context: Context | dict[str, Any]) -> str:
    """Return why the run withdraws its week's extract; empty where it does not."""
    return (context["params"]["withdraw"] or "").strip()


@task(pool=WAREHOUSE_POOL, retries=2, retry_delay=SHORT)
def land(**context: Any) -> dict:
    """Check the extract's every value and land it whole, or not at all; a run that withdraws it lands nothing."""
    from dataclasses import asdict

    from greenery import landing, status
    from greenery.extracts import ExtractError
    from greenery.warehouse import connect

    home, params = settings.load(), context["params"]
    if withdrawal(context):
        return {"as_of": f"{week_end(context):%Y-%m-%d}", "outcome": "to be withdrawn"}
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
    """Judge the week's marts and dbt's tests; a failed critical check holds the extract and ends the run failed."""
    from greenery.ledger import LockLostError, NotTestedError
    from greenery.quality import HeldError, judge

    home = settings.load()
    try:
        verdict = judge(home, context["run_id"], accept=context["params"]["accept"] or "")
    except (HeldError, LockLostError, NotTestedError) as error:
        raise AirflowFailException(str(error)) from error
    for check in verdict.failed_warnings:
        log.warning("%s: %s", check["meaning"], check["observed"])
    return {
        "verdict": verdict.name,
        "page": str(home.report_folder(week_end(context)) / "quality.html"),
        "checks": len(verdict.checks),
        "warnings": [check["check"] for check in verdict.failed_warnings],
    }


@task(pool=WAREHOUSE_POOL, retries=2, retry_delay=SHORT)
def publish(**context: Any) -> int:
    """Admit the extract (or withdraw it) and switch the published version to what was built and judged."""
    from greenery import ledger, publishing

    try:
        return publishing.publish(settings.load(), context["run_id"])
    except (ledger.LockLostError, ledger.NotJudgedError) as error:
        raise AirflowFailException(str(error)) from error


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
    """Write the week's report from the published relations, name the later weeks to rerun, and return its folder."""
    from greenery import status, weekly_report
    from greenery.warehouse import connect

    home, as_of, run = settings.load(), week_end(context), context["dag_run"]
    withdraws = bool(withdrawal(context))
    if not withdraws:
        try:
            weekly_report.write(home, as_of)
        except weekly_report.NotAdmittedError as error:
            raise AirflowFailException(str(error)) from error
    with connect(home) as connection:
        outdated = weekly_report.settle(home, connection, written=None if withdraws else as_of)
        later = [week.date() for week in outdated if week > as_of]
        weekly_report.write_run(
            home,
            as_of,
            {
                "run_id": run.run_id,
                "run_type": run.run_type.value,
                "url": f"{conf.get('api', 'base_url').rstrip('/')}/dags/{DAG_ID}/runs/{quote(run.run_id, safe='')}",
                "restates": [str(week) for week in later],
                "next_commands": status.rerun_commands(later),
            },
        )
        status.record(home, connection)
    if later:
        log.warning("published weeks whose report would differ now: %s", ", ".join(map(str, later)))
        log.warning("to restate them: %s", "; ".join(status.rerun_commands(later)))
    return str(home.report_folder(as_of))
