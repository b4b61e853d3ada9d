"""What a task asks of its run (week, parameters, states of the tasks), and the notes that tasks leave each other."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from airflow.sdk import Context
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowFailException

from greenery import settings
from greenery.settings import DAG_ID

# XCom keys that the task `alert` reads: whether `quality` wrote quality.json, and why a task failed.
JUDGED = "judged"
FAILURE = "failure"
# XCom keys that the model tasks read: whether all models are built from the start, and the version of the dbt project
# at that time.
BUILDS_ANEW = "builds_anew"
MODELS = "models"


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


def note_failure(context: Context) -> None:
    """Record why a task failed, and where its log is, for the task `alert` at the end of the run.

    A task that was killed records nothing. Its callback runs in the DAG processor, which accepts no XCom (Airflow
    3.3.2): it would hang there until Airflow takes the DAG for deleted, and every run with it.
    """
    ti, error = context["ti"], context.get("exception")
    if error:
        value = {
            "reason": f"{type(error).__name__}: {error}",
            "log": ti.log_url if _is_lasting() else "",
            "at": datetime.now(UTC).isoformat(),
        }
        ti.xcom_push(key=FAILURE, value=value)


def task_states(context: Context | dict[str, Any]) -> dict[str, str]:
    """Return the state of each task of the run."""
    run_id = context["run_id"]
    found: dict[str, str] = context["ti"].get_task_states(dag_id=DAG_ID, run_ids=[run_id])[run_id]
    return found


def has_built(context: Context) -> bool:
    """Return whether the run's first model is built, and not cleared to be built again."""
    return task_states(context).get("dbt.int_extract_pairs_run") == "success"


def was_judged(context: Context | dict[str, Any], states: dict[str, str]) -> bool:
    """Return whether this run wrote quality.json. A file of an earlier try does not count."""
    done = states.get("quality") in ("success", "failed")
    return done and bool(context["ti"].xcom_pull(task_ids="quality", key=JUDGED))


def run_url(run_id: str) -> str:
    """Return the address of a run's page in Airflow; empty where the address would soon lead nowhere."""
    if not _is_lasting():
        return ""
    return f"{conf.get('api', 'base_url').rstrip('/')}/dags/{DAG_ID}/runs/{quote(run_id, safe='')}"


def _is_lasting() -> bool:
    """Return whether people can open this Airflow later: a command that starts one for itself lets it schedule nothing,
    and stops it at its end."""
    return bool(conf.getboolean("scheduler", "use_job_schedule", fallback=True))
