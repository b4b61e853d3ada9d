"""The acceptance on a real account: `make verify-snowflake` runs the weeks of a folder in a database made for it.

The database has the name of the connection's, with `_verify_` and a random end. It is dropped at the end, whatever
happens, and nothing else is written. So the role of the connection needs `create database on account`, for this alone.
Each step prints a line. The command ends with 1 if a step fails.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from airflow.providers.snowflake.hooks.snowflake import SnowflakeHook
from greenery.build import dbt_project, locking
from greenery.cli import doctor
from greenery.landing import ledger
from greenery.publishing.rollback import roll_back
from greenery.publishing.versions import open_published
from greenery.settings import WAREHOUSE_CONNECTION, Settings
from greenery.source.folders import folders
from greenery.warehouse import snowflake as warehouse
from greenery.warehouse.access import connect, connect_to_read
from greenery.warehouse.connection import rows, transaction

from tests.conftest import REAL_EXTRACTS
from tests.pipeline import run_week

REPORTED = ("summary.json", "quality.json", "order_changes.csv")
GRANTED = "analytics.fct_sessions"
# How long the second session is watched while the first one has the lock's row.
WATCHED_SECONDS = 3


class Acceptance:
    """The steps of the acceptance, on a home whose warehouse is the scratch database."""

    def __init__(self, extracts: Path, folder: Path) -> None:
        self.on_snowflake = Settings(home=folder / "snowflake" / "home", extracts=extracts, target="snowflake")
        self.on_duckdb = Settings(home=folder / "duckdb" / "home", extracts=extracts)
        self.weeks = sorted(folders(self.on_duckdb))

    def doctor_finds_nothing_to_fix(self) -> str:
        """Log in, and make the schemas."""
        found = doctor._warehouse(self.on_snowflake)
        assert found.state == doctor.GOOD, found.says
        return found.says

    def weeks_run(self) -> str:
        """Land, build, judge, publish and report each week."""
        for week in self.weeks:
            run_week(self.on_snowflake, week)
        return f"{len(self.weeks)} weeks to {self.weeks[-1]:%Y-%m-%d}"

    def reports_are_those_of_duckdb(self) -> str:
        """Compare what is reported with a run of the same weeks on DuckDB."""
        for week in self.weeks:
            run_week(self.on_duckdb, week)
        for week in self.weeks:
            for name in REPORTED:
                here, there = (home.report_folder(week) / name for home in (self.on_snowflake, self.on_duckdb))
                assert here.read_bytes() == there.read_bytes(), f"{here} differs from {there}"
        return f"the bytes of {', '.join(REPORTED)}"

    def relations_are_those_of_duckdb(self) -> str:
        """Compare the published rows."""
        marts = dbt_project.models().marts
        for relation in marts:
            here, there = (self._published(home, relation) for home in (self.on_snowflake, self.on_duckdb))
            assert here == there, f"analytics.{relation} differs"
        return f"the rows of {len(marts)} relations"

    def of_two_sessions_one_takes_the_lock(self) -> str:
        """Let a second session try to take the lock while the first one has taken it and has not committed."""
        outcome: list[str] = []

        def second() -> None:
            try:
                with connect(self.on_snowflake) as connection:
                    outcome.append("got it" if locking._swap(connection, "", "second") else "came too late")
            except Exception as error:
                outcome.append(f"was refused: {error}")

        waiter = threading.Thread(target=second, daemon=True)
        with connect(self.on_snowflake) as connection:
            with transaction(connection):
                assert locking._swap(connection, "", "first")
                waiter.start()
                waiter.join(WATCHED_SECONDS)
                waited = waiter.is_alive()
            waiter.join(60)
            holder = rows(connection, "select run_id from landing.lock_holder")[0]["run_id"]
            assert locking._swap(connection, "first", "")
        assert holder == "first"
        assert outcome
        assert outcome != ["got it"]
        return f"the second {'waited and ' if waited else ''}{outcome[0]}"

    def a_lost_session_changes_nothing(self) -> str:
        """Leave a transaction without its end."""
        query = "select version from landing.publication"
        with connect(self.on_snowflake) as connection:
            before = rows(connection, query)
            connection.begin()
            connection.execute("delete from landing.publication")
        with connect_to_read(self.on_snowflake) as connection:
            assert rows(connection, query) == before
        return "its transaction was rolled back"

    def a_long_statement_is_not_cut_off(self) -> str:
        """Wait in a statement for longer than it takes to log in."""
        with connect(self.on_snowflake) as connection:
            connection.execute(f"call system$wait({warehouse.CONNECT_SECONDS + 10})")
        return f"one of {warehouse.CONNECT_SECONDS + 10} seconds ended well"

    def grants_stay(self) -> str:
        """Publish again, and look for a grant that was given on a published table before."""
        with connect(self.on_snowflake) as connection:
            connection.execute(f"grant select on {GRANTED} to role public")
        run_week(self.on_snowflake, self.weeks[-1])
        with connect_to_read(self.on_snowflake) as connection:
            found = rows(connection, f"show grants on table {GRANTED}")
        assert "PUBLIC" in {row["grantee_name"] for row in found}
        return f"select on {GRANTED} is granted after the next publish, too"

    def a_rollback_reads_the_past(self) -> str:
        """Go back to the version without the newest week."""
        before = len(self.weeks) - 1
        roll_back(self.on_snowflake, "acceptance", before)
        with connect(self.on_snowflake) as connection:
            states = {extract.as_of: extract.state for extract in ledger.extracts(connection)}
        assert states == {week: "admitted" if week != self.weeks[-1] else "held" for week in self.weeks}
        newest = "select max(as_of) as as_of from history.int_extract_pairs"
        with open_published(self.on_snowflake) as connection:
            assert rows(connection, newest) == [{"as_of": self.weeks[-2]}]
        return f"readers see the week to {self.weeks[-2]:%Y-%m-%d} again"

    @staticmethod
    def _published(home: Settings, relation: str) -> Counter[tuple]:
        with open_published(home) as connection:
            return Counter(
                tuple(sorted(row.items())) for row in rows(connection, f"select * from analytics.{relation}")
            )

    def steps(self) -> list[Callable[[], str]]:
        """Return the steps, in their order."""
        return [
            self.doctor_finds_nothing_to_fix,
            self.weeks_run,
            self.reports_are_those_of_duckdb,
            self.relations_are_those_of_duckdb,
            self.of_two_sessions_one_takes_the_lock,
            self.a_lost_session_changes_nothing,
            self.a_long_statement_is_not_cut_off,
            self.grants_stay,
            self.a_rollback_reads_the_past,
        ]


def lead_to_scratch() -> str:
    """Let `greenery_warehouse` lead to a database that is not there yet, in this process; return its name."""
    given = SnowflakeHook.get_connection(WAREHOUSE_CONNECTION)
    extra = given.extra_dejson
    scratch = f"{extra['database']}_verify_{secrets.token_hex(4)}"
    parts = {name: getattr(given, name) for name in ("conn_type", "login", "password", "host", "schema", "port")}
    variable = f"AIRFLOW_CONN_{WAREHOUSE_CONNECTION.upper()}"
    os.environ[variable] = json.dumps({**parts, "extra": {**extra, "database": scratch}})
    return scratch


def verify(extracts: Path) -> dict[str, str]:
    """Run the steps; return what is wrong, by step. A failed step does not stop the next ones, but for the weeks."""
    scratch = lead_to_scratch()
    wrong: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        acceptance = Acceptance(extracts, Path(folder))
        print(f"The scratch database is {scratch}.", flush=True)
        try:
            for step in acceptance.steps():
                name = step.__name__.replace("_", " ")
                try:
                    print(f"ok   {name}: {step()}", flush=True)
                except Exception as error:
                    wrong[step.__name__] = f"{type(error).__name__}: {error}"
                    print(f"FAIL {name}: {wrong[step.__name__]}", flush=True)
                    if step in acceptance.steps()[:2]:
                        break
        finally:
            # Not `connect_to_read`: a run that broke off early has left no schema.
            with warehouse._session() as connection:
                connection.execute(f"drop database {scratch}")
            print(f"The database {scratch} is dropped.", flush=True)
    return wrong


def main() -> None:
    """Run the acceptance on the extracts of EXTRACTS, or the real ones."""
    given = os.environ.get("GREENERY_EXTRACTS")
    extracts = Path(given) if given else REAL_EXTRACTS
    if not extracts.is_dir():
        sys.exit(f"there are no extracts in {extracts}: write `make verify-snowflake EXTRACTS=<folder>`.")
    sys.exit(1 if verify(extracts) else 0)


if __name__ == "__main__":
    main()
