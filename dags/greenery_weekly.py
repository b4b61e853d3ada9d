"""
# Greenery weekly

Every week this DAG answers two questions: which orders changed, and how do sessions move through page_view >
add_to_cart > checkout > package_shipped?

- **wait_for_extract** waits until the week's extract of the shop's tables is there.
- **land** checks every value and loads the extract, whole or not at all.
- **acquire_warehouse** takes the lock. From here to *publish* one run at a time works; other runs wait.
- **dbt** builds the models and runs their tests.
- **quality** checks the result and what dbt's tests said. If a critical check fails, the extract is *held*: it counts
  as missing, and readers keep the last good state.
- **publish** admits the extract and switches readers to the new version of the data.
- **report** writes the week's figures and page.
- **deliver_slack** and **deliver_email** send the digest, once. A channel without a connection is skipped.
- **held_notice** informs the readers of the digest if the week is held.
- **alert** notifies the person on call of failures, and resolves incidents that are over.

A run covers the week [start, end). Its extract shows the shop at the **end** of the week. Weeks end on Wednesday 00:00
UTC unless set otherwise. You can run any week at any time and again: its report depends on the extracts up to its end.

**Dates.** `make backfill FROM=2023-01-11 TO=2023-02-01` names weeks by the day on which they **end**. The backfill form
here asks for the day on which a week **starts**, seven days earlier: from 2023-01-04 to 2023-01-25 for the same weeks.
To run weeks again, choose *All runs* or *Missing and errored runs*. If you give parameters, tick *Override parameters
on existing runs*.

*Trigger* without a logical date runs the newest week that has ended. With a logical date it runs the newest week that
had ended by then. The exact moment at which a week starts is refused: it is the logical date of that week's own run.

**Later weeks.** A run that adds, corrects or withdraws an extract can change later reports. It names the published
weeks whose report would differ: in the log of *report*, in a note on the run, in `run.json`. `make backfill` runs these
weeks again by itself. After a run from here, use the command in the note.

`docs/runbook.md` says what to do when a task fails.
"""

from datetime import timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import Param, chain, dag
from airflow.sdk.definitions.callback import SyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert
from airflow.sdk.timezone import utc
from greenery import settings
from greenery.orchestration import run_context, sensors, tasks
from greenery.orchestration.dbt_models import dbt_models
from greenery.orchestration.deadline import StartOfScheduledWeek
from greenery.orchestration.retries import KILLED, UNLESS_REFUSED
from greenery.orchestration.timetable import WeeklyTimetable
from greenery.week import BEGINNING, WEEK

SETTINGS = settings.load()
# A reason must not be the placeholder of a printed command, such as <why>.
REASON = r"^(?!\s*<)"
# The form shows this above the parameters, below the logical date.
WHICH_WEEK = (
    "Parameters. The logical date above chooses the week: the run is for the newest week that had ended by then. The "
    "weeks of the demo end on Wednesdays from 2025-01-08 to 2025-02-26; for the last of them, choose 2025-02-26 12:00."
)


@dag(
    dag_id=settings.DAG_ID,
    doc_md=__doc__,
    description="Which orders changed, and how sessions move through the funnel, week by week. The backfill form asks "
    "for the days on which weeks start, seven days before the day that names a week. See the documentation",
    schedule=WeeklyTimetable(SETTINGS.cron, timezone=utc),
    start_date=BEGINNING.replace(tzinfo=utc),
    catchup=False,
    max_active_runs=4,
    tags=["greenery", "weekly", "impact:tier_2"],
    default_args={
        "owner": "data-team",
        "retry_delay": timedelta(minutes=1),
        "retry_policy": UNLESS_REFUSED,
        "on_failure_callback": run_context.note_failure,
    },
    deadline=DeadlineAlert(
        reference=StartOfScheduledWeek(),
        interval=WEEK + timedelta(hours=SETTINGS.deadline_hours),
        callback=SyncCallback("greenery.orchestration.deadline.missed"),
        name="digest",
    ),
    params={
        "reextract": Param(
            False,
            type="boolean",
            section=WHICH_WEEK,
            title="Replace the landed extract",
            description="Replace the extract that was landed for this week with the files that are there now, or bring "
            "back an extract that was withdrawn.",
        ),
        "accept_shrink": Param(
            False,
            type="boolean",
            section=WHICH_WEEK,
            title="Accept a shrunk extract",
            description="Land the extract even if it lacks more than half of the orders or events of the previous one.",
        ),
        "accept": Param(
            None,
            type=["null", "string"],
            pattern=REASON,
            section=WHICH_WEEK,
            title="Accept the failed checks",
            description="Reason for accepting the failed checks. They must describe something the shop really did, "
            "such as a tenth of the usual sessions, and an earlier run must have held this same extract for them. The "
            "reason is kept with the extract. A broken structure can't be accepted.",
        ),
        "withdraw": Param(
            None,
            type=["null", "string"],
            pattern=REASON,
            section=WHICH_WEEK,
            title="Withdraw the week's extract",
            description="Reason for withdrawing the admitted extract. It is then held, and left out of everything that "
            "is published. Leave this empty for any other run. 'Replace the landed extract' brings it back.",
        ),
        "deliver": Param(
            "auto",
            type="string",
            enum=["auto", "always", "never"],
            section=WHICH_WEEK,
            title="Deliver the digest",
            description="auto: deliver if the run is scheduled, if the week's digest is owed (it should have been sent "
            "and was not), or if it was delivered before and has changed. Otherwise only write the report. A digest "
            "with the same content is never sent twice.",
        ),
        "full_refresh": Param(
            False,
            type="boolean",
            section=WHICH_WEEK,
            title="Rebuild the models from the start",
            description="Build all models from all admitted extracts, instead of changing only what this extract "
            "changes. After a change of a model a run does this by itself.",
        ),
    },
)
def greenery_weekly() -> None:
    """Wire the steps of a weekly run."""
    wait = sensors.WaitForExtract(
        task_id="wait_for_extract",
        pool=settings.WAREHOUSE_POOL,
        mode="reschedule",
        poke_interval=timedelta(minutes=5),
        timeout=timedelta(hours=SETTINGS.extract_wait_hours),
        **KILLED,
    )
    land = tasks.land()
    builds_anew = f"ti.xcom_pull('acquire_warehouse', key='{run_context.BUILDS_ANEW}') | default(false, true)"
    acquire = sensors.AcquireWarehouse(
        task_id="acquire_warehouse",
        pool=settings.WAREHOUSE_POOL,
        mode="reschedule",
        poke_interval=timedelta(seconds=20),
        timeout=timedelta(hours=12),
        **KILLED,
    )
    dbt = dbt_models(SETTINGS, full_refresh="{{ params.full_refresh or " + builds_anew + " }}")
    quality = tasks.quality()
    publish = tasks.publish()
    release = tasks.release_warehouse()
    report = tasks.report()
    deliver_slack = tasks.deliver.override(task_id="deliver_slack")("slack")
    deliver_email = tasks.deliver.override(task_id="deliver_email")("email")
    # The leaves decide the state of the run. `finished` fails if any step fails; `alert` always runs.
    finished = EmptyOperator(task_id="finished", trigger_rule="none_failed")
    held = tasks.held_notice()
    alert = tasks.alert()

    acquire.as_setup()  # type: ignore[no-untyped-call]  # of Airflow
    chain(wait, land, acquire, dbt, quality, publish, report, [deliver_slack, deliver_email], finished)
    publish >> release.as_teardown(setups=acquire)
    quality >> held
    [release, held, deliver_slack, deliver_email] >> alert


greenery_weekly()
