"""The steps of the weekly DAG as Airflow tasks: each calls one function of the package with the run's week."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from airflow.sdk import BaseSensorOperator, Context, task
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowFailException, AirflowSensorTimeout, AirflowSkipException

from greenery import commands, settings
from greenery.settings import DAG_ID, DELIVERY_POOL, WAREHOUSE_POOL

# Imported inside the tasks: reading the DAG file must not load DuckDB, pandas or the chart renderer.

log = logging.getLogger(__name__)

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
# What a task leaves for the alert at the end of its run: that it wrote quality.json, and why it failed.
JUDGED = "judged"
FAILURE = "failure"
# What acquire_warehouse leaves for the models: whether they have to be built from the start, and with which version of
# the dbt project they are.
BUILDS_ANEW = "builds_anew"
MODELS = "models"


class WaitForExtract(BaseSensorOperator):
    """Wait until the extract of the run's week is there; only a scheduled run waits, another fails at once.

    An extract that was landed before needs no source any more.
    """

    missing = ""  # what the last look did not find

    def execute(self, context: Context) -> Any:
        """Wait; raise AirflowSensorTimeout with what is missing, and where it belongs, when the time is over."""
        try:
            return super().execute(context)
        except AirflowSensorTimeout as error:
            raise AirflowSensorTimeout(f"waited {self.timeout / 3600:g} hours. {self.missing}") from error

    def poke(self, context: Context) -> bool:
        """Return whether the extract can be landed; raise AirflowFailException where waiting makes no sense."""
        from greenery.landing import ledger
        from greenery.source import folders as extracts
        from greenery.warehouse.duckdb import connect

        home = settings.load()
        as_of = week_end(context)
        if withdrawal(context):
            return True
        announce(home, as_of, is_scheduled=context["dag_run"].run_type == "scheduled")
        for line in extracts.ignored_folders(home):
            self.log.warning(line)
        try:
            extracts.find_extract(home, as_of)
        except extracts.ExtractError as error:
            with connect(home) as connection:
                landed = ledger.newest(connection, as_of)
            if landed and isinstance(error, extracts.MissingExtractError):
                return True
            if context["dag_run"].run_type != "scheduled":
                raise AirflowFailException(str(error)) from error
            self.missing = str(error)
            self.log.info("waiting: %s", error)
            tell_if_late(home, as_of, context, f"its run waits: {error}")
            return False
        return True


class AcquireWarehouse(BaseSensorOperator):
    """Take the lock of the run that builds; wait while another running run holds it."""

    def poke(self, context: Context) -> bool:
        """Return whether this run holds the lock."""
        from greenery.build import locking, target
        from greenery.build import project as dbt_project
        from greenery.landing import ledger
        from greenery.warehouse.duckdb import connect

        def is_running(run_id: str) -> bool:
            return context["ti"].get_dr_count(dag_id=DAG_ID, run_ids=[run_id], states=["running"]) > 0

        home, as_of = settings.load(), week_end(context)
        # Asked before the lock is taken: a change in between is noticed by the first model.
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
                    full_refresh=context["params"]["full_refresh"] and not _has_built(context),
                )
            except (ledger.NothingToWithdrawError, locking.LockLostError) as error:
                raise AirflowFailException(str(error)) from error
            if is_ours and target.builds_anew(connection):
                self.log.info(
                    "all models are built from the start: other ones built what is there, or nothing is there"
                )
                context["ti"].xcom_push(key=BUILDS_ANEW, value=True)
        if is_ours:
            context["ti"].xcom_push(key=MODELS, value=models)
        else:
            tell_if_late(home, as_of, context, "its run waits for another that builds")
        return is_ours


def check_project(project: str, context: Context) -> None:
    """Note that a model is built. Fail its task for good where one that it reads is not, or the dbt project was changed
    since its run took the lock.

    Cosmos calls this after the model was built. project: the folder in which dbt ran.
    """
    from greenery.build import locking, record, target
    from greenery.build import project as dbt_project
    from greenery.warehouse.duckdb import connect

    is_same = dbt_project.version() == context["ti"].xcom_pull(task_ids="acquire_warehouse", key=MODELS)
    with connect(settings.load()) as connection:
        if is_same:
            try:
                record.note_built(connection, context["run_id"], context["ti"].task_id[len("dbt.") : -len("_run")])
            except locking.LockLostError as error:
                raise AirflowFailException(str(error)) from error
            return
        target.disown_build(connection)
    raise AirflowFailException(
        "the dbt project was changed while this run built: clear its task acquire_warehouse with all that follows."
    )


def announce(home: settings.Settings, as_of: datetime, *, is_scheduled: bool) -> None:
    """Log what is wrong about delivery while there is time, and note that a scheduled week's digest is owed.

    It is owed on each channel that is on and never had it; on one that is off, until the week has its report. Nothing
    about delivery stops a run here: what can't be noted or checked is logged.
    """
    from greenery.channels import channel as channels
    from greenery.channels import sent as ledger
    from greenery.delivery import lateness

    try:
        if is_scheduled:
            delivered = {message.channel for message in ledger.last_sent(home, "digest", f"{as_of:%Y-%m-%d}")}
            waiting = [
                name
                for name in channels.DIGEST_CHANNELS
                if name not in delivered
                and (channels.readiness(home, channels.CHANNELS[name]).is_on or not lateness.has_report(home, as_of))
            ]
            ledger.owe(home, as_of, "its scheduled run has not delivered it", waiting)
        for line in channels.lines(home):
            log.warning(line)
    except Exception:
        log.exception("delivery can't be prepared: its tasks will fail")


def tell_if_late(home: settings.Settings, as_of: datetime, context: Context, state: str) -> None:
    """Tell that the digest of a scheduled run is late, once its deadline is past.

    Airflow's own deadline does it too, but once: what a channel did not take then is told here, at a later look.

    state: what the run waits for.
    """
    from greenery.delivery import lateness

    run, now, failed = context["dag_run"], datetime.now(UTC), home.home / "late.failed"
    if run.run_type != "scheduled" or now < lateness.deadline(home, as_of):
        return
    # Who waits holds the one slot of the warehouse's pool: a channel that hangs must not take it from who builds.
    if failed.exists() and now < datetime.fromtimestamp(failed.stat().st_mtime, UTC) + PAUSE:
        return
    from greenery.alerts import incidents

    try:
        incidents.notify_late(home, as_of, run.run_id, run_url(run.run_id), state, waits=True)
    except Exception:
        failed.touch()
        log.exception("the digest is late, and not everybody could be told: it is tried again in %s", PAUSE)


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
    from greenery.landing import load as landing
    from greenery.report import weeks as status
    from greenery.source.folders import ExtractError
    from greenery.warehouse.duckdb import connect

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
    return landed.model_dump() | {"as_of": f"{landed.as_of:%Y-%m-%d}"}


@task(pool=WAREHOUSE_POOL, **KILLED)
def quality(**context: Any) -> dict:
    """Judge the week's marts and dbt's tests; a failed critical check holds the extract and ends the run failed."""
    from greenery.build.locking import LockLostError
    from greenery.build.record import NotTestedError
    from greenery.quality import HeldError, judge
    from greenery.report import weeks, writing
    from greenery.warehouse.duckdb import connect

    home = settings.load()
    try:
        verdict = judge(home, context["run_id"], accept=context["params"]["accept"] or "")
    except HeldError as error:
        if error.held_because:
            writing.write_page(home, week_end(context), error.held_because)
        with connect(home) as connection:
            weeks.record(home, connection)
        context["ti"].xcom_push(key=JUDGED, value=True)
        raise AirflowFailException(str(error)) from error
    except (LockLostError, NotTestedError) as error:
        raise AirflowFailException(str(error)) from error
    context["ti"].xcom_push(key=JUDGED, value=not withdrawal(context))
    for check in verdict.failed_warnings:
        log.warning("%s: %s", check.meaning, check.observed)
    return {
        "verdict": verdict.name,
        "page": str(home.report_folder(week_end(context)) / "quality.html"),
        "checks": len(verdict.checks),
        "warnings": [check.check for check in verdict.failed_warnings],
    }


@task(pool=WAREHOUSE_POOL, retries=2, retry_delay=SHORT)
def publish(**context: Any) -> int:
    """Admit the extract (or withdraw it) and switch the published version to what was built and judged."""
    from greenery.build import locking, record
    from greenery.publishing import versions as publishing
    from greenery.report import weeks
    from greenery.warehouse.duckdb import connect

    home = settings.load()
    try:
        version = publishing.publish(home, context["run_id"])
    except (locking.LockLostError, record.NotJudgedError, record.NotTestedError) as error:
        raise AirflowFailException(str(error)) from error
    with connect(home) as connection:
        weeks.record(home, connection)
    return version


@task(pool=WAREHOUSE_POOL, retries=2, retry_delay=SHORT)
def release_warehouse(**context: Any) -> None:
    """Give the lock back."""
    from greenery.build import locking
    from greenery.publishing import versions as publishing
    from greenery.warehouse.duckdb import connect

    home = settings.load()
    with connect(home) as connection:
        publishing.catch_up(home, connection)
        locking.release(connection, context["run_id"])


@task(pool=WAREHOUSE_POOL, retries=2, retry_delay=SHORT)
def report(**context: Any) -> str:
    """Write the week's report from the published relations, name the later weeks to rerun, and return its folder."""
    from greenery.report import weeks as status
    from greenery.report import writing as weekly_report
    from greenery.report.run_note import RunNote, write_note
    from greenery.warehouse.duckdb import connect

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
        note = RunNote(
            run_id=run.run_id,
            run_type=run.run_type.value,
            url=run_url(run.run_id),
            restates=tuple(later),
            next_commands=tuple(commands.reruns(home, later)),
        )
        write_note(home, as_of, note)
        status.record(home, connection)
    if later:
        log.warning("published weeks whose report would differ now: %s", ", ".join(map(str, later)))
        log.warning("to restate them: %s", "; ".join(commands.reruns(home, later)))
    return str(home.report_folder(as_of))


@task(
    pool=DELIVERY_POOL,
    retries=3,
    retry_delay=SHORT,
    retry_exponential_backoff=True,
    # Else the pause doubles with every try that the task ever had: hours, once it was cleared a few times.
    max_retry_delay=PAUSE,
    execution_timeout=SENDING,
)
def deliver(channel: str, **context: Any) -> str:
    """Deliver the week's digest over one channel; it is skipped where the channel is off or nothing is to be sent.

    A run that withdraws its week tells those who have its digest.
    """
    from greenery.channels import channel as channels
    from greenery.channels.errors import PermanentError
    from greenery.delivery import deliver as delivery
    from greenery.report import weeks
    from greenery.report.writing import NoReportError

    home, as_of, mode, way = (
        settings.load(),
        week_end(context),
        context["params"]["deliver"],
        channels.CHANNELS[channel],
    )
    try:
        if reason := withdrawal(context):
            if mode == delivery.NEVER:
                raise AirflowSkipException("the run withdraws its week, and deliver is never.")
            done = delivery.withdraw(home, as_of, way, reason)
        else:
            is_scheduled = context["dag_run"].run_type == "scheduled"
            done = delivery.deliver(home, as_of, way, mode, is_scheduled=is_scheduled)
    except delivery.NotDeliveredError as error:
        raise AirflowSkipException(str(error)) from error
    except (PermanentError, NoReportError) as error:
        raise AirflowFailException(str(error)) from error
    weeks.write_index(home)
    log.info(done)
    return done


@task(pool=DELIVERY_POOL, retries=3, retry_delay=SHORT, execution_timeout=SENDING, trigger_rule="one_failed")
def held_notice(**context: Any) -> None:
    """Tell those who expect the digest that the week is held: in a run that would have delivered it."""
    from greenery.alerts import incidents

    if not _judged(context, _states(context)):
        raise AirflowSkipException("the week is not held: something else failed.")
    deliver = context["params"]["deliver"]
    if deliver == "never" or (deliver == "auto" and context["dag_run"].run_type != "scheduled"):
        raise AirflowSkipException("this run delivers nothing; the next scheduled digest names the week as held.")
    home, as_of = settings.load(), week_end(context)
    if not incidents.is_held(home, as_of):
        raise AirflowSkipException("the week stays as it was published; what failed is what this run built.")
    with _telling():
        incidents.notify_held(home, _run(context), as_of)


@task(**TELLING, trigger_rule="all_done")
def alert(**context: Any) -> list[str]:
    """Tell of what failed in the run, unless it is a backfill, and resolve what no longer does; return what fails."""
    from greenery.alerts import incidents
    from greenery.messages.alert import TaskFailure

    home, ti, run_type, states = settings.load(), context["ti"], context["dag_run"].run_type, _states(context)
    failed = sorted(name for name, state in states.items() if state == "failed" and name != ti.task_id)
    notes = {name: ti.xcom_pull(task_ids=name, key=FAILURE) or {} for name in failed}
    outcome = incidents.Outcome(
        run=_run(context),
        states=states,
        failures=tuple(TaskFailure(task=name, **note) for name, note in notes.items()),
        judged=_judged(context, states),
        withdrawn=withdrawal(context),
    )
    deliver = context["params"]["deliver"]
    tells = deliver == "always" or (deliver == "auto" and run_type != "backfill")
    with _telling():
        found = incidents.update(home, outcome, week_end(context), tells)
        if run_type == "scheduled":
            incidents.notify_silences(home)
    return [one.key for one in found]


def note_failure(context: Context) -> None:
    """Leave word of why a task failed, and where its log is, for the alert at the end of the run.

    A task that was killed leaves none: its callback runs in the DAG processor, which takes no XCom. It would hang there
    until the DAG counts as gone, and with it every run.
    """
    ti, error = context["ti"], context.get("exception")
    if error:
        value = {
            "reason": f"{type(error).__name__}: {error}",
            "log": ti.log_url,
            "at": datetime.now(UTC).isoformat(),
        }
        ti.xcom_push(key=FAILURE, value=value)


def _states(context: Context | dict[str, Any]) -> dict[str, str]:
    """Return the state of each task of the run."""
    run_id = context["run_id"]
    return context["ti"].get_task_states(dag_id=DAG_ID, run_ids=[run_id])[run_id]


def _has_built(context: Context) -> bool:
    """Return whether the run's first model is built, and not cleared to be built again."""
    return _states(context).get("dbt.int_extract_pairs_run") == "success"


def _judged(context: Context | dict[str, Any], states: dict[str, str]) -> bool:
    """Return whether the run wrote quality.json; what an earlier try left behind does not count."""
    done = states.get("quality") in ("success", "failed")
    return done and bool(context["ti"].xcom_pull(task_ids="quality", key=JUDGED))


@contextmanager
def _telling() -> Iterator[None]:
    """Fail the task for good where every channel that failed would refuse the message again."""
    from greenery.alerts.sending import NotSentError

    try:
        yield
    except NotSentError as error:
        if error.permanent:
            raise AirflowFailException(str(error)) from error
        raise


def _run(context: Context | dict[str, Any]) -> Any:
    """Return the run as an alert describes it."""
    from greenery.alerts import incidents

    run = context["dag_run"]
    return incidents.run_of(settings.load(), week_end(context), run.run_id, run.run_type, run_url(run.run_id))


def run_url(run_id: str) -> str:
    """Return the address of a run's page in Airflow."""
    return f"{conf.get('api', 'base_url').rstrip('/')}/dags/{DAG_ID}/runs/{quote(run_id, safe='')}"
