"""
# Greenery weekly

Every week: which orders changed, and how sessions move through page_view > add_to_cart > checkout > package_shipped.

**land** the week's extract of the shop's tables, whole or not at all. **dbt** builds the models and runs their tests.
**quality** judges what was built and what the tests said; a failed critical check holds the extract, and readers keep
the last good state. **publish** admits the extract and switches the published version. **report** writes the week's
figures and page. **deliver_slack** and **deliver_email** send its digest, once; a channel that is not connected is
skipped. A held week gets a **held_notice** in place of its digest. **alert** tells of what failed and resolves what no
longer does.

A run covers the week [start, end); its extract is the one as of the week's **end**. Weeks end on Wednesday 00:00 UTC
unless set otherwise. Any week can be run at any time, and again: its report depends on the extracts up to its end.
From the first dbt task to publish one run at a time holds the warehouse; others wait at *acquire_warehouse*.

**Which date is which week.** `make backfill FROM=2023-01-11 TO=2023-02-01` names weeks by the day they **end**. The
backfill form here takes the day a week **starts**, seven days earlier: from 2023-01-04 to 2023-01-25 for the same
weeks; choose *All runs* or *Missing and errored runs* to run weeks again, and tick *Override parameters on existing
runs* where you give parameters. *Trigger* without a logical date runs the
newest week that has ended; with one, the newest week that had ended by then, but for the very moment at which a week
starts: that is the logical date of this week's own run, and is refused.

**Later weeks.** A run that adds, corrects or withdraws an extract that is not the newest names the published weeks
whose report would differ now: in the log of *report*, in a note on the run, in `run.json`. `make backfill` runs them
again by itself; after a run from here, use the command in the note.

What to do when a task fails is in `docs/runbook.md`.
"""

from datetime import timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import Param, chain, dag
from airflow.sdk.definitions.callback import SyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference
from airflow.sdk.timezone import utc
from greenery import settings, tasks
from greenery.dbt_models import dbt_models
from greenery.timetable import WeeklyTimetable

SETTINGS = settings.load()
# A reason must not be the placeholder of a printed command, such as <why>.
REASON = r"^(?!\s*<)"


@dag(
    dag_id=settings.DAG_ID,
    doc_md=__doc__,
    description="Orders that changed and the product funnel, week by week. The backfill form takes the days on which "
    "weeks start, seven days before the day that names a week; open the documentation for more",
    schedule=WeeklyTimetable(SETTINGS.cron, timezone=utc),
    start_date=settings.BEGINNING.replace(tzinfo=utc),
    catchup=False,
    max_active_runs=4,
    tags=["greenery", "weekly", "impact:tier_2"],
    default_args={
        "owner": "data-team",
        "retry_delay": timedelta(minutes=1),
        "on_failure_callback": tasks.note_failure,
    },
    deadline=DeadlineAlert(
        # The logical date is the week's start.
        reference=DeadlineReference.DAGRUN_LOGICAL_DATE,
        interval=settings.WEEK + timedelta(hours=SETTINGS.deadline_hours),
        callback=SyncCallback("greenery.alerts.deadline.missed"),
        name="digest",
    ),
    params={
        "reextract": Param(
            False,
            type="boolean",
            title="Replace what was landed",
            description="Land the extract again although its content differs from what was landed for this week.",
        ),
        "accept_shrink": Param(
            False,
            type="boolean",
            title="Accept a shrunk extract",
            description="Land the extract although more than half of its predecessor's orders or events are gone.",
        ),
        "accept": Param(
            None,
            type=["null", "string"],
            pattern=REASON,
            title="Accept what the checks found",
            description="Why failed critical checks are accepted that say what the shop did, such as a tenth of the "
            "usual sessions. Only what an earlier run held this very extract for is accepted: look first. It is kept "
            "with the extract. A broken structure can't be accepted.",
        ),
        "withdraw": Param(
            None,
            type=["null", "string"],
            pattern=REASON,
            title="Withdraw the week's extract",
            description="Why the admitted extract is to be held and left out of all that is published. Empty for a "
            "run that adds it. Bring it back later with 'Replace what was landed'.",
        ),
        "deliver": Param(
            "auto",
            type="string",
            enum=["auto", "always", "never"],
            title="Deliver the digest",
            description="auto: a scheduled run, and any run of a week that is owed or was delivered before; other runs "
            "only write the report. What is there already with the same content is not sent again.",
        ),
        "full_refresh": Param(
            False,
            type="boolean",
            title="Rebuild the models from the start",
            description="Build the incremental models from all admitted extracts instead of adding this one. After a "
            "change of a model a run does so by itself.",
        ),
    },
)
def greenery_weekly():
    """Wire the steps of a weekly run."""
    wait = tasks.WaitForExtract(
        task_id="wait_for_extract",
        pool=settings.WAREHOUSE_POOL,
        mode="reschedule",
        poke_interval=timedelta(minutes=5),
        timeout=timedelta(hours=SETTINGS.extract_wait_hours),
        **tasks.KILLED,
    )
    land = tasks.land()
    builds_anew = f"ti.xcom_pull('acquire_warehouse', key='{tasks.BUILDS_ANEW}') | default(false, true)"
    acquire = tasks.AcquireWarehouse(
        task_id="acquire_warehouse",
        pool=settings.WAREHOUSE_POOL,
        mode="reschedule",
        poke_interval=timedelta(seconds=20),
        timeout=timedelta(hours=12),
        **tasks.KILLED,
    )
    dbt = dbt_models(SETTINGS, full_refresh="{{ params.full_refresh or " + builds_anew + " }}")
    quality = tasks.quality()
    publish = tasks.publish()
    release = tasks.release_warehouse()
    report = tasks.report()
    deliver_slack = tasks.deliver.override(task_id="deliver_slack")("slack")
    deliver_email = tasks.deliver.override(task_id="deliver_email")("email")
    # The run's state is that of its leaves: `finished` fails with any step, `alert` runs whatever became of them.
    finished = EmptyOperator(task_id="finished", trigger_rule="none_failed")
    held = tasks.held_notice()
    alert = tasks.alert()

    chain(wait, land, acquire.as_setup(), dbt, quality, publish, report, [deliver_slack, deliver_email], finished)
    publish >> release.as_teardown(setups=acquire)
    quality >> held
    [release, held, deliver_slack, deliver_email] >> alert


greenery_weekly()
