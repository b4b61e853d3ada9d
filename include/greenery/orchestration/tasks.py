"""The steps of the weekly DAG as Airflow tasks: each calls one function of the package with the run's week."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, Context, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from greenery import commands, settings
from greenery.orchestration.retries import KILLED, PAUSE, SENDING, SHORT, TELLING
from greenery.orchestration.run_context import (
    FAILURE,
    JUDGED,
    MODELS,
    run_url,
    task_states,
    was_judged,
    week_end,
    withdrawal,
)
from greenery.settings import DELIVERY_POOL, WAREHOUSE_POOL

if TYPE_CHECKING:
    from greenery.warehouse.connection import Connection

# Imported inside the tasks: reading the DAG file must not load DuckDB, pandas or the chart renderer.

log = logging.getLogger(__name__)

# The published data. Other DAGs can be scheduled by it: each publish gives it an event, with `as_of`, `version` and
# `restates`, the later weeks (as_of) whose report would have other figures now.
PUBLISHED = Asset("greenery_published")


def begin_model(connection: Connection, context: Context, model: str) -> None:
    """Forget that a model is built, before dbt builds it. Fail the task for good if its run lost the lock."""
    from greenery.build import record

    with _for_good():
        record.forget_built(connection, context["run_id"], model)


def check_project(connection: Connection, context: Context, built: Mapping[str, Collection[str]]) -> None:
    """Note that the model of a task is built. Fail the task for good if a model that it reads is not built, or if the
    dbt project has changed since its run took the lock, or since it was parsed for the DAG.

    built: the models that dbt built, each with dbt's ids of all that it reads.
    """
    from greenery.build import dbt_project, record, target

    model, inputs = context["ti"].task_id[len("dbt.") : -len("_run")], dbt_project.models().inputs
    if dbt_project.version() != context["ti"].xcom_pull(task_ids="acquire_warehouse", key=MODELS):
        target.disown_build(connection)
        raise AirflowFailException(
            "the dbt project was changed while this run built: clear its task acquire_warehouse with all that follows."
        )
    # Else the DAG may build the models in a wrong order, or a table stays of a model that is gone.
    reads = {name.rsplit(".", 1)[-1] for name in built.get(model, ())} & set(inputs)
    if model not in built or reads != set(inputs.get(model, ())):
        raise AirflowFailException(
            f"{model} is not the model that the DAG knows, or is gone: run `make install`, then clear the task "
            "acquire_warehouse of this run with all that follows."
        )
    with _for_good():
        record.note_built(connection, context["run_id"], model)


@contextmanager
def _for_good() -> Iterator[None]:
    """Let a lost lock fail the task for good: another try would not get it back."""
    from greenery.build.locking import LockLostError

    try:
        yield
    except LockLostError as error:
        raise AirflowFailException(str(error)) from error


@task(pool=WAREHOUSE_POOL, retries=2, retry_delay=SHORT)
def land(**context: Any) -> dict[str, Any]:
    """Check every value of the extract and land it whole, or not at all. A run that withdraws its extract lands
    nothing."""
    from greenery.landing import loading
    from greenery.report import weeks
    from greenery.source.folders import ExtractError
    from greenery.warehouse.access import connect

    home, params = settings.load(), context["params"]
    if withdrawal(context):
        return {"as_of": f"{week_end(context):%Y-%m-%d}", "outcome": "to be withdrawn"}
    try:
        landed = loading.land(
            home, week_end(context), reextract=params["reextract"], accept_shrink=params["accept_shrink"]
        )
    except (ExtractError, settings.SettingError) as error:
        # Another try would read the same files and fail again.
        raise AirflowFailException(str(error)) from error
    log.info("extract %s: %s", landed.extract_id, landed.outcome)
    for warning in landed.warnings:
        log.warning(warning)
    with connect(home) as connection:
        weeks.write_list(home, connection)
    return landed.model_dump() | {"as_of": f"{landed.as_of:%Y-%m-%d}"}


@task(pool=WAREHOUSE_POOL, **KILLED)
def quality(**context: Any) -> dict[str, Any]:
    """Judge the week's marts and dbt's tests; a failed critical check holds the extract and ends the run failed."""
    from greenery.build.locking import LockLostError
    from greenery.build.record import NotTestedError
    from greenery.quality import HeldError, judge
    from greenery.report import weeks, writing
    from greenery.warehouse.access import connect

    home = settings.load()
    try:
        verdict = judge(home, context["run_id"], accept=context["params"]["accept"] or "")
    except HeldError as error:
        if error.held_because:
            writing.write_page(home, week_end(context), error.held_because)
        with connect(home) as connection:
            weeks.write_list(home, connection)
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


@task(pool=WAREHOUSE_POOL, retries=2, retry_delay=SHORT, outlets=[PUBLISHED])
def publish(**context: Any) -> int:
    """Admit the extract (or withdraw it) and switch the published version to the build that passed the checks.

    The event of the asset tells other DAGs what changed.
    """
    from greenery.build import locking, record
    from greenery.publishing import versions
    from greenery.report import comparing, weeks
    from greenery.warehouse.access import connect

    home, as_of = settings.load(), week_end(context)
    try:
        version = versions.publish(home, context["run_id"])
    except (locking.LockLostError, record.NotJudgedError, record.NotTestedError) as error:
        raise AirflowFailException(str(error)) from error
    with connect(home) as connection:
        outdated = comparing.settle(home, connection)
        weeks.write_list(home, connection)
    context["outlet_events"][PUBLISHED].extra = {
        "as_of": f"{as_of:%Y-%m-%dT%H:%M:%S+00:00}",
        "version": version,
        "restates": [f"{week:%Y-%m-%d}" for week in outdated if week > as_of],
    }
    return version


@task(pool=WAREHOUSE_POOL, retries=2, retry_delay=SHORT)
def release_warehouse(**context: Any) -> None:
    """Give the lock back."""
    from greenery.build import locking
    from greenery.publishing import versions
    from greenery.warehouse.access import connect

    home = settings.load()
    with connect(home) as connection:
        versions.catch_up(home, connection)
        locking.release(connection, context["run_id"])


@task(pool=WAREHOUSE_POOL, retries=2, retry_delay=SHORT)
def report(**context: Any) -> str:
    """Write the week's report from the published relations, name the later weeks to rerun, and return its folder."""
    from greenery.publishing.week_rows import NotAdmittedError
    from greenery.report import comparing, weeks, writing
    from greenery.report.run_note import RunNote, write_note
    from greenery.warehouse.access import connect

    home, as_of, run = settings.load(), week_end(context), context["dag_run"]
    withdraws = bool(withdrawal(context))
    if not withdraws:
        try:
            writing.write(home, as_of)
        except NotAdmittedError as error:
            raise AirflowFailException(str(error)) from error
    with connect(home) as connection:
        outdated = comparing.settle(home, connection, written=None if withdraws else as_of)
        later = [week.date() for week in outdated if week > as_of]
        note = RunNote(
            run_id=run.run_id,
            run_type=run.run_type.value,
            url=run_url(run.run_id),
            restates=tuple(later),
            next_commands=tuple(commands.reruns(home, later)),
        )
        write_note(home, as_of, note)
        weeks.write_list(home, connection)
    if later:
        log.warning("published weeks whose report would differ now: %s", ", ".join(map(str, later)))
        log.warning("to restate them: %s", "; ".join(commands.reruns(home, later)))
    return str(home.report_folder(as_of))


@task(
    pool=DELIVERY_POOL,
    retries=3,
    retry_delay=SHORT,
    retry_exponential_backoff=True,
    # Without this limit the pause doubles with every try that the task ever had, to hours after some clears.
    max_retry_delay=PAUSE,
    execution_timeout=SENDING,
)
def deliver(channel: str, **context: Any) -> str:
    """Deliver the week's digest over one channel. The task is skipped if the channel is off or there is nothing to
    send.

    A run that withdraws its week informs the channels that have its digest.
    """
    from greenery.channels.channel import CHANNELS
    from greenery.channels.errors import PermanentError
    from greenery.delivery import delivering
    from greenery.report import weeks
    from greenery.report.reading import NoReportError

    home, as_of, mode, way = (
        settings.load(),
        week_end(context),
        context["params"]["deliver"],
        CHANNELS[channel],
    )
    try:
        if reason := withdrawal(context):
            if mode == delivering.NEVER:
                raise AirflowSkipException("the run withdraws its week, and deliver is never.")
            done = delivering.withdraw(home, as_of, way, reason)
        else:
            is_scheduled = context["dag_run"].run_type == "scheduled"
            done = delivering.deliver(home, as_of, way, mode, is_scheduled=is_scheduled)
    except delivering.NotDeliveredError as error:
        raise AirflowSkipException(str(error)) from error
    except (PermanentError, NoReportError) as error:
        raise AirflowFailException(str(error)) from error
    weeks.write_index(home)
    log.info(done)
    return done


@task(pool=DELIVERY_POOL, retries=3, retry_delay=SHORT, execution_timeout=SENDING, trigger_rule="one_failed")
def held_notice(**context: Any) -> None:
    """Inform the readers of the digest that the week is held, if this run would have delivered the digest."""
    from greenery.alerts import incidents

    if not was_judged(context, task_states(context)):
        raise AirflowSkipException("the week is not held: something else failed.")
    deliver = context["params"]["deliver"]
    if deliver == "never" or (deliver == "auto" and context["dag_run"].run_type != "scheduled"):
        raise AirflowSkipException("this run delivers nothing; the next scheduled digest names the week as held.")
    home, as_of = settings.load(), week_end(context)
    if not incidents.is_held(home, as_of):
        raise AirflowSkipException("the week stays published as it was: only the data that this run built failed.")
    with _telling():
        incidents.notify_held(home, _run(context), as_of)


@task(**TELLING, trigger_rule="all_done")
def alert(**context: Any) -> list[str]:
    """Alert about failures, unless the run is a backfill, and resolve incidents that are over; return what fails."""
    from greenery.alerts import incidents
    from greenery.channels import records
    from greenery.messages.alert import TaskFailure
    from greenery.report import runs, weeks

    home, ti, run_type, states = settings.load(), context["ti"], context["dag_run"].run_type, task_states(context)
    failed = sorted(name for name, state in states.items() if state == "failed" and name != ti.task_id)
    notes = {name: ti.xcom_pull(task_ids=name, key=FAILURE) or {} for name in failed}
    outcome = incidents.Outcome(
        run=_run(context),
        states=states,
        failures=tuple(TaskFailure(task=name, **note) for name, note in notes.items()),
        judged=was_judged(context, states),
        withdrawn=withdrawal(context),
    )
    deliver = context["params"]["deliver"]
    tells = deliver == "always" or (deliver == "auto" and run_type != "backfill")
    runs.end(home, week_end(context), context["run_id"])
    home = records.for_alerts(home)
    if not home.records_in_home:
        weeks.write_index(home)
    with _telling():
        found = incidents.update(home, outcome, week_end(context), tells)
        if run_type == "scheduled":
            incidents.notify_silences(home)
    return [one.key for one in found]


@contextmanager
def _telling() -> Iterator[None]:
    """Fail the task for good if every channel that failed would refuse the message again."""
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
