"""The settings. Only this module reads them from the environment. Others pass the environment to Airflow and dbt."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from greenery.week import WEEKDAYS, Week

REPOSITORY = Path(__file__).resolve().parents[2]

DAG_ID = "greenery_weekly"
# The paths at which Airflow serves pages to logged-in users.
REPORTS_PAGE = "/greenery/reports"
# The path at which Cosmos serves dbt's documentation of the models.
MODELS_PAGE = "/cosmos"
PAUSE_AGAIN = "pause-again"
FUNNEL_PAGE = "/greenery/funnel"
WAREHOUSE_POOL = "greenery_warehouse"
# Airflow's connection to Snowflake.
WAREHOUSE_CONNECTION = "greenery_warehouse"
TARGETS = ("duckdb", "snowflake")
SOURCES = ("folders", "snowflake")
DELIVERY_POOL = "greenery_delivery"
MEMORY = "4GB"


class SettingError(ValueError):
    """A setting has a value that can't be used; the message names it and says what to write."""


@dataclass(frozen=True)
class Settings:
    """The settings of a run.

    home: folder that holds all state (warehouse, published, reports, outbox, airflow).
    extracts: folder of the file source, `<extracts>/<YYYY-MM-DD>/<table>.csv|.parquet`.
    week_ends_on: weekday (0 = Monday) on whose 00:00 UTC a week ends.
    maturity_days: days after a week's end from which its shipments count as complete.
    extract_wait_hours: how long a scheduled run waits for its extract.
    deadline_hours: hours after a week's end by which its digest must be out.
    runbook: address of docs/runbook.md, for links in alerts.
    slack_channel, alert_channel: ids of the Slack channels for the digest and for alerts; empty if there is none.
    email_to, alert_email_to: the addresses that get the digest and the alerts by email.
    email_from: the sender of these mails; if empty, the sender of the connection.
    target: the warehouse, one of TARGETS.
    reports_in: the folder of the reports; None takes the one in the home.
    records_in_home: whether deliveries are recorded in the home although the warehouse keeps them otherwise, because it
        can't be reached.
    source: where extracts are read, one of SOURCES. For snowflake: source_database and source_schema hold the raw
        tables, and source_names says what a table (`orders`) or column (`orders.order_id`) is called there if it has
        another name.
    memory: the memory that DuckDB may take, such as 4GB; it writes what does not fit into the home.
    models_warehouse: the virtual warehouse of Snowflake in which the models are built and tested; empty takes the
        connection's.
    reports_url: the address of the folder of reports in a browser; empty if it is not served. The address of the funnel
        page follows from it.

    Settings of delivery are not checked here. A wrong value makes the delivery of its channel fail at the end of a run,
    and nothing before.
    """

    home: Path
    extracts: Path
    week_ends_on: int = 2
    maturity_days: int = 28
    extract_wait_hours: float = 24.0
    deadline_hours: float = 12.0
    runbook: str = "docs/runbook.md"
    slack_channel: str = ""
    email_to: tuple[str, ...] = ()
    email_from: str = ""
    alert_channel: str = ""
    alert_email_to: tuple[str, ...] = ()
    reports_url: str = ""
    target: str = "duckdb"
    reports_in: Path | None = None
    records_in_home: bool = False
    source: str = "folders"
    source_database: str = ""
    source_schema: str = ""
    source_names: Mapping[str, str] = field(default_factory=dict)
    memory: str = MEMORY
    models_warehouse: str = ""

    @property
    def source_place(self) -> str:
        """Where extracts are read, for people: the folder, or the schema of the raw tables."""
        return str(self.extracts) if self.source == "folders" else f"{self.source_database}.{self.source_schema}"

    @property
    def warehouse(self) -> Path:
        """The DuckDB file that only the pipeline opens."""
        return self.home / "warehouse.duckdb"

    @property
    def published(self) -> Path:
        """Link to the published version that readers open."""
        return self.home / "published"

    @property
    def reports(self) -> Path:
        """Folder with one folder of report files per as_of."""
        return self.reports_in or self.home / "reports"

    @property
    def pause_again(self) -> Path:
        """File that is there while a command has unpaused the weekly DAG for itself."""
        return self.home / "airflow" / PAUSE_AGAIN

    @property
    def cron(self) -> str:
        """The weekly schedule: 00:00 UTC on the weekday that ends a week."""
        return f"0 0 * * {(self.week_ends_on + 1) % 7}"

    def report_folder(self, as_of: datetime) -> Path:
        """Folder of the report as of `as_of` (UTC)."""
        return self.reports / Week(end=as_of).name

    def funnel_of(self, as_of: datetime) -> str | None:
        """Return the address at which the funnel page shows the week that ends at `as_of` (UTC), as known at its end.

        None where the reports are not served by an Airflow, which serves the page too.
        """
        airflow = self.reports_url.removesuffix(REPORTS_PAGE)
        if airflow == self.reports_url:
            return None
        return f"{airflow}{FUNNEL_PAGE}/?as_of={Week(end=as_of).name}&period=1w"

    def digest_due(self, as_of: datetime) -> datetime:
        """Return when (with time zone) the digest of the week that ends at `as_of` (UTC) must be out."""
        return as_of.replace(tzinfo=UTC) + timedelta(hours=self.deadline_hours)

    def check_as_of(self, as_of: datetime) -> datetime:
        """Return `as_of` as a naive UTC datetime; raise SettingError unless it ends a week."""
        moment = as_of.astimezone(UTC) if as_of.tzinfo else as_of
        # Airflow's datetimes are a subclass whose arithmetic differs: from here on times are plain.
        midnight = datetime(moment.year, moment.month, moment.day)
        if moment.weekday() != self.week_ends_on or moment.replace(tzinfo=None) != midnight:
            day = WEEKDAYS[self.week_ends_on].capitalize()
            raise SettingError(
                f"{moment:%Y-%m-%d %H:%M} UTC does not end a week: weeks end on {day} 00:00 UTC. "
                f"Use a {day}, or set GREENERY_WEEK_ENDS_ON before anything is landed."
            )
        return midnight

    def newest_week_end(self, moment: datetime) -> datetime:
        """Return the end of the newest week that had ended at `moment` (with time zone), as a naive UTC datetime."""
        return Week.newest(moment, self.week_ends_on).end


def load() -> Settings:
    """Read the settings from the environment.

    Raises SettingError where a value can't be used.
    """
    home = _folder("GREENERY_HOME", REPOSITORY / ".greenery")
    extracts = _folder("GREENERY_EXTRACTS", home / "extracts")
    weekday = (_text("GREENERY_WEEK_ENDS_ON") or "wednesday").lower()
    if weekday not in WEEKDAYS:
        raise SettingError(f"GREENERY_WEEK_ENDS_ON={weekday!r} is no weekday: write one of {', '.join(WEEKDAYS)}.")
    target = (_text("GREENERY_TARGET") or "duckdb").lower()
    if target not in TARGETS:
        raise SettingError(f"GREENERY_TARGET={target!r} is no warehouse: write one of {', '.join(TARGETS)}.")
    source = (_text("GREENERY_SOURCE") or "folders").lower()
    if source not in SOURCES:
        raise SettingError(f"GREENERY_SOURCE={source!r} is no source of extracts: write one of {', '.join(SOURCES)}.")
    return Settings(
        home=home,
        extracts=extracts,
        week_ends_on=WEEKDAYS.index(weekday),
        maturity_days=_days("GREENERY_MATURITY_DAYS", 28),
        extract_wait_hours=_number("GREENERY_EXTRACT_WAIT_HOURS", 24),
        deadline_hours=_number("GREENERY_DEADLINE_HOURS", 12),
        runbook=_text("GREENERY_RUNBOOK_URL") or "docs/runbook.md",
        slack_channel=_text("GREENERY_SLACK_CHANNEL"),
        email_to=_list("GREENERY_EMAIL_TO"),
        email_from=_text("GREENERY_EMAIL_FROM"),
        alert_channel=_text("GREENERY_ALERT_CHANNEL"),
        alert_email_to=_list("GREENERY_ALERT_EMAIL_TO"),
        reports_url=_text("GREENERY_REPORTS_URL").rstrip("/"),
        target=target,
        reports_in=_folder("GREENERY_REPORTS", home) if _text("GREENERY_REPORTS") else None,
        source=source,
        **(_raw_tables() if source == "snowflake" else {}),
        memory=_size("GREENERY_MEMORY", MEMORY),
        models_warehouse=_text("GREENERY_SNOWFLAKE_MODELS_WAREHOUSE"),
    )


def _raw_tables() -> dict[str, Any]:
    """Return the settings of the raw tables in Snowflake."""
    database, schema = _text("GREENERY_SOURCE_DATABASE"), _text("GREENERY_SOURCE_SCHEMA")
    if not database or not schema:
        raise SettingError(
            "GREENERY_SOURCE=snowflake needs GREENERY_SOURCE_DATABASE and GREENERY_SOURCE_SCHEMA: write where the "
            "raw tables of the shop are."
        )
    names = {}
    for pair in _list("GREENERY_SOURCE_NAMES"):
        ours, separator, theirs = (part.strip() for part in pair.partition("="))
        if not separator:
            raise SettingError(
                f"GREENERY_SOURCE_NAMES: {pair!r} is no pair of names: write pairs such as "
                "orders=shop_orders,orders.order_id=id."
            )
        names[ours.lower()] = theirs
    for name in (database, schema, *names.values()):
        if not re.fullmatch(r"[A-Za-z_]\w*", name):
            raise SettingError(f"GREENERY_SOURCE_…: {name!r} is no plain name: write letters, digits and underscores.")
    return {"source_database": database, "source_schema": schema, "source_names": names}


def is_set(name: str) -> bool:
    """Return whether the environment has a variable of this name that is not empty."""
    return bool(os.environ.get(name))


def running_task() -> dict[str, str]:
    """Return the names of the task that this process runs: DAG, task, run and week; empty outside a task of Airflow."""
    names = {"dag": "DAG_ID", "task": "TASK_ID", "run": "DAG_RUN_ID", "week": "LOGICAL_DATE"}
    found = {name: _text(f"AIRFLOW_CTX_{variable}") for name, variable in names.items()}
    return {name: value for name, value in found.items() if value}


@contextmanager
def variables_set(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for a while, for a library that reads them, and restore what was there."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _text(name: str) -> str:
    return os.environ.get(name, "").strip()


def _folder(name: str, default: Path) -> Path:
    # The path has one form, because settings are compared, also with those of a running Airflow.
    return Path(os.path.abspath(Path(os.environ.get(name) or default).expanduser()))


def _list(name: str) -> tuple[str, ...]:
    return tuple(filter(None, (part.strip() for part in _text(name).split(","))))


def _size(name: str, default: str) -> str:
    text = _text(name) or default
    if not re.fullmatch(r"[1-9]\d*(\.\d+)? ?([MGT]i?B)", text):
        raise SettingError(f"{name}={text!r} is no size of memory: write one such as {default}.")
    return text


def _days(name: str, default: int) -> int:
    value = _number(name, default)
    if not value.is_integer():
        raise SettingError(f"{name}={_text(name)!r} is no whole number of days: write one such as {default}.")
    return int(value)


def _number(name: str, default: float) -> float:
    text = _text(name)
    if not text:
        return float(default)
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value < float("inf"):
        raise SettingError(f"{name}={text!r} is no number of 0 or more: write a number such as {default:g}.")
    return value
