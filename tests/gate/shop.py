"""A simulated shop run through the gate week by week: landed, built by replay, tested, judged, admitted."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import duckdb
from greenery.landing import ledger
from greenery.messages.check_results import CheckResults
from greenery.messages.page import SEVERITIES
from greenery.quality import HeldError
from greenery.settings import Settings
from greenery.simulator.shop import Shop, simulate
from greenery.warehouse.access import connect

from tests.gate.faults import AS_OF, BEFORE, Fault, plant
from tests.pipeline import Build, judged_week
from tests.properties.replay import Recording, replayed


def run_week(home: Settings, as_of: datetime, build: Build, accept: str = "") -> dict:
    """Run a week up to the gate and return its quality.json; admit it where the gate lets it through."""
    options = {"reextract": True, "accept_shrink": True}
    with (
        suppress(HeldError),
        judged_week(home, as_of, accept=accept, build=build, **options),
        connect(home) as connection,
    ):
        ledger.admit(connection, ledger.newest(connection, as_of).extract_id)
    return json.loads((home.report_folder(as_of) / "quality.json").read_text(encoding="utf-8"))


def copied(home: Settings, folder: Path) -> Settings:
    """Return a copy of a home in `folder`, with its extracts."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copytree(home.home, folder / "home")
    shutil.copytree(home.extracts, folder / "extracts")
    return Settings(home=folder / "home", extracts=folder / "extracts")


def failed(document: dict) -> dict[str, str]:
    """Return the failed checks of a quality.json: their severity by id."""
    return {check["check"]: check["severity"] for check in document["checks"] if not check["passed"]}


def good_shop(folder: Path, recording: Recording, sessions: int = 1200) -> Settings:
    """Return a home whose first extract shows nine weeks of a shop, is run and admitted; the second waits."""
    home = Settings(home=folder / "home", extracts=folder / "extracts")
    shop = Shop(BEFORE, 2, sessions, history_weeks=8, file_format="parquet", improved_checkout_week=9)
    simulate(shop, home.extracts)
    assert set(failed(run_week(home, BEFORE, replayed(recording))).values()) <= {"info"}
    return home


def run_fault(home: Settings, fault: Fault, recording: Recording, folder: Path) -> dict:
    """Plant a fault into a copy, in `folder`, of a good shop and return the quality.json of its week."""
    copy = copied(home, folder)
    if fault.where == "extract":
        plant(fault, copy.extracts)

    def change(connection: duckdb.DuckDBPyConnection) -> None:
        for statement in fault.statements:
            connection.execute(statement)

    when = {"landing": "before", "marts": "after"}
    changes = {} if fault.where == "extract" else {when[fault.where]: change}
    return run_week(copy, AS_OF, replayed(recording, **changes))


def problem(fault: Fault, document: dict) -> str:
    """Return in what the checks of a fault's week are other than they should be; empty where they are as said.

    All that page have to be named: who is woken is woken for what the fault is, and for nothing else.
    """
    found = failed(document)
    worst = next((severity for severity in SEVERITIES if severity in found.values()), "")
    missing = [check for check in fault.checks if check not in found]
    if missing:
        return f"not failed: {', '.join(missing)}"
    pages = CheckResults.model_validate(document).holding
    if unnamed := set(pages) - set(fault.checks):
        return f"pages for {', '.join(sorted(unnamed))} too"
    if not fault.severity:
        return f"caught after all, by {', '.join(found)}" if worst not in ("", "info") else ""
    return "" if worst == fault.severity else f"{worst or 'nothing'} in place of {fault.severity}: {', '.join(found)}"
