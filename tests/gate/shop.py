"""A simulated shop run through the gate week by week: landed, built by replay, tested, judged, admitted."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import duckdb
from greenery import landing, ledger, quality
from greenery.quality import HeldError
from greenery.settings import Settings
from greenery.warehouse import connect

from tests.properties.replay import Recording, build_statements, data_test_failures

RUN = "gate"
Change = Callable[[duckdb.DuckDBPyConnection], None]


def run_week(
    home: Settings, as_of: datetime, recording: Recording, *, landed: Change | None = None, built: Change | None = None
) -> dict:
    """Run a week up to the gate and return its quality.json; admit it where the gate lets it through.

    landed, built: what is done to the warehouse after landing, and after the models are built.
    """
    landing.land(home, as_of, reextract=True, accept_shrink=True)
    with connect(home) as connection:
        if landed:
            landed(connection)
        assert ledger.acquire(connection, RUN, as_of, lambda _: False)
        for statement in build_statements(recording, connection):
            connection.execute(statement)
        if built:
            built(connection)
        failed = data_test_failures(recording, connection)
        found = [
            {"test": name, "model": "models", "meaning": f"dbt's test {name}.", "failures": rows, "message": ""}
            for name, rows in sorted(failed.items())
        ]
        ledger.tested(connection, RUN, found)
    try:
        quality.judge(home, RUN)
    except HeldError:
        pass
    else:
        with connect(home) as connection:
            ledger.admit(connection, ledger.newest(connection, as_of)["extract_id"])  # type: ignore[index]
    with connect(home) as connection:
        ledger.release(connection, RUN)
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
