"""The steps of the weekly DAG that wait: for the extract of the week, and for the lock of the warehouse."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import BaseSensorOperator, Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSensorTimeout

from greenery import settings
from greenery.orchestration.retries import PAUSE
from greenery.orchestration.run_context import BUILDS_ANEW, MODELS, has_built, run_url, week_end, withdrawal
from greenery.settings import DAG_ID

# Imported inside the sensors: reading the DAG file must not load DuckDB.

log = logging.getLogger(__name__)


class WaitForExtract(BaseSensorOperator):
    """Wait for the extract of the run's week. Only a scheduled run waits; other runs fail at once.

    If the extract was landed before, its files are not needed any more.
    """

    missing = ""  # the error of the last look

    def execute(self, context: Context) -> Any:
        """Wait for the extract. Raises AirflowSensorTimeout, which names the missing path, when the time is over."""
        try:
            return super().execute(context)
        except AirflowSensorTimeout as error:
            raise AirflowSensorTimeout(f"waited {self.timeout / 3600:g} hours. {self.missing}") from error

    def poke(self, context: Context) -> bool:
        """Return whether the extract can be landed. Raises AirflowFailException if waiting can't help."""
        home, as_of = settings.load(), week_end(context)
        is_there = self._is_there(home, as_of, context)
        note_progress(home, as_of, context, waits_for="" if is_there else "its extract")
        return is_there

    def _is_there(self, home: settings.Settings, as_of: datetime, context: Context) -> bool:
        from greenery.landing import finding, ledger
        from greenery.source.folders import ExtractError, LostExtractError, MissingExtractError
        from greenery.warehouse.access import connect

        if withdrawal(context):
            return True
        announce(home, as_of, is_scheduled=context["dag_run"].run_type == "scheduled")
        for line in finding.ignored(home):
            self.log.warning(line)
        try:
            with finding.found_extract(home, as_of):
                return True
        except ExtractError as error:
            with connect(home) as connection:
                landed = ledger.newest(connection, as_of)
            if landed and isinstance(error, MissingExtractError):
                return True
            if context["dag_run"].run_type != "scheduled" or isinstance(error, LostExtractError):
                raise AirflowFailException(f"{error} {finding.available(home)}".strip()) from error
            self.missing = str(error)
            self.log.info("waiting: %s", error)
            tell_if_late(home, as_of, context, f"its run waits: {error}")
            return False


class AcquireWarehouse(BaseSensorOperator):
    """Take the lock of the run that builds; wait while another running run holds it."""

    def poke(self, context: Context) -> bool:
        """Return whether this run holds the lock."""
        from greenery.build import dbt_project, locking, target
        from greenery.landing import ledger
        from greenery.warehouse.access import connect

        def is_running(run_id: str) -> bool:
            return context["ti"].get_dr_count(dag_id=DAG_ID, run_ids=[run_id], states=["running"]) > 0

        home, as_of = settings.load(), week_end(context)
        # Read before the lock is taken, so that the task of the first model notices a change in between.
        models = dbt_project.version()
        with connect(home) as connection:
            try:
                is_ours = locking.acquire(
                    connection,
                    context["run_id"],
                    as_of,
                    is_running,
                    withdrawal(context),
                    # Not where a task that follows the models is cleared by itself: they stay as they are.
                    full_refresh=context["params"]["full_refresh"] and not has_built(context),
                )
            except (ledger.NothingToWithdrawError, locking.LockLostError) as error:
                raise AirflowFailException(str(error)) from error
            if is_ours and target.builds_anew(connection):
                self.log.info("all models are built from the start: the warehouse is empty, or other models built it")
                context["ti"].xcom_push(key=BUILDS_ANEW, value=True)
        if is_ours:
            context["ti"].xcom_push(key=MODELS, value=models)
        else:
            tell_if_late(home, as_of, context, "its run waits for another that builds")
        note_progress(home, as_of, context, waits_for="" if is_ours else "another run that builds")
        return is_ours


def announce(home: settings.Settings, as_of: datetime, *, is_scheduled: bool) -> None:
    """Log problems of the delivery channels early, and record that the digest of a scheduled week is owed.

    The digest is owed to each channel that is on and has not received it. To a channel that is off it is owed until the
    week has its report. A problem with delivery is logged here and never stops the run.
    """
    from greenery.channels import sent
    from greenery.channels.channel import CHANNELS, DIGEST_CHANNELS, problems, readiness
    from greenery.delivery import lateness

    try:
        if is_scheduled:
            delivered = {message.channel for message in sent.last_sent(home, "digest", f"{as_of:%Y-%m-%d}")}
            waiting = [
                name
                for name in DIGEST_CHANNELS
                if name not in delivered
                and (readiness(home, CHANNELS[name]).is_on or not lateness.has_report(home, as_of))
            ]
            sent.owe(home, as_of, "its scheduled run has not delivered it", waiting)
        for line in problems(home):
            log.warning(line)
    except Exception:
        log.exception("delivery can't be prepared: its tasks will fail")


def note_progress(home: settings.Settings, as_of: datetime, context: Context, waits_for: str = "") -> None:
    """Let the list of weeks show that the run is under way, and what it waits for."""
    from greenery.report import runs

    if runs.note(home, as_of, context["run_id"], waits_for) or waits_for:
        from greenery.report import weeks

        weeks.write_index(home)


def tell_if_late(home: settings.Settings, as_of: datetime, context: Context, state: str) -> None:
    """Alert that the digest of a scheduled run is late, if its deadline has passed.

    Airflow's own deadline does this too, but only once. If a channel refused the alert then, it is sent here.

    state: what the run waits for.
    """
    run, now, failed = context["dag_run"], datetime.now(UTC), home.home / "late.failed"
    if run.run_type != "scheduled" or now < home.digest_due(as_of):
        return
    # A waiting task holds the only slot of the warehouse pool. A channel that hangs must not block the run that builds.
    if failed.exists() and now < datetime.fromtimestamp(failed.stat().st_mtime, UTC) + PAUSE:
        return
    from greenery.alerts import incidents

    try:
        incidents.notify_late(home, as_of, run.run_id, run_url(run.run_id), state, waits=True)
    except Exception:
        failed.touch()
        log.exception("the digest is late, and the alert did not reach every channel: the next try is in %s", PAUSE)
