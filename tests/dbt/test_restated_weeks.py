"""Weeks run in any order: the later ones that differ are named, and rerun they end as if run in order.

This takes many runs, so the statements of dbt are replayed, and the gate passes.
"""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from greenery import commands
from greenery.build import dbt_project, locking
from greenery.landing import ledger
from greenery.landing.ledger import NothingToWithdrawError
from greenery.landing.loading import land
from greenery.publishing.versions import open_published
from greenery.quality import HeldError, verdict
from greenery.quality.validation import validate
from greenery.report import comparing
from greenery.report.weeks import outdated, write_list
from greenery.settings import Settings
from greenery.simulator.shop import Shop, simulate
from greenery.source.folders import ExtractError
from greenery.warehouse.access import connect
from greenery.warehouse.connection import rows

from tests.pipeline import passing_gate, run_week
from tests.program import greenery

FIRST, SECOND, THIRD, FOURTH = WEEKS = [datetime(2025, 1, 8) + timedelta(weeks=number) for number in range(4)]


def summary(home: Settings, week: datetime) -> bytes:
    return (home.report_folder(week) / "summary.json").read_bytes()


def outcome(home: Settings) -> tuple[dict, dict]:
    """Return the summaries and the published relations."""
    summaries = {path.parent.name: path.read_bytes() for path in home.reports.glob("*/summary.json")}
    with open_published(home) as connection:
        relations = {
            name: rows(connection, f"select * from analytics.{name} order by all")
            for name in dbt_project.models().marts
        }
    return summaries, relations


def next_commands(home: Settings) -> dict[str, str]:
    weeks = json.loads((home.reports / "weeks.json").read_text())
    return {week["as_of"]: week["next_command"] for week in weeks if week["next_command"]}


def write_csv(file: Path, change: Callable[[dict], dict]) -> None:
    """Change each row of a table of an extract."""
    with file.open(newline="", encoding="utf-8") as source:
        changed = [change(row) for row in csv.DictReader(source)]
    with file.open("w", newline="", encoding="utf-8") as target:
        writer = csv.DictWriter(target, changed[0].keys())
        writer.writeheader()
        writer.writerows(changed)


@pytest.fixture(scope="module", autouse=True)
def quick_runs(replays) -> Iterator[None]:
    with passing_gate():
        yield


@pytest.fixture(scope="module")
def in_order(tmp_path_factory) -> Settings:
    folder = tmp_path_factory.mktemp("in_order")
    home = Settings(home=folder / "home", extracts=folder / "extracts")
    simulate(Shop(first_as_of=FIRST, weeks=4, sessions_per_week=60), home.extracts)
    for week in WEEKS:
        assert run_week(home, week) == []
    return home


def test_a_correction_that_is_held_restates_nothing(in_order, tmp_path, monkeypatch):
    """Readers keep what they have: no week differs from what is published."""
    home = Settings(home=tmp_path / "home", extracts=tmp_path / "extracts")
    shutil.copytree(in_order.home, home.home, symlinks=True)
    shutil.copytree(in_order.extracts, home.extracts)
    write_csv(home.extracts / f"{SECOND:%Y-%m-%d}" / "orders.csv", lambda row: {**row, "status": ""})
    before = outcome(home)
    monkeypatch.setattr(verdict, "validate", validate)
    with pytest.raises(HeldError, match="correct the extract, then make backfill FROM=2025-01-15"):
        run_week(home, SECOND, reextract=True)
    assert outdated(home) == []
    assert outcome(home) == before
    (week,) = (week for week in json.loads((home.reports / "weeks.json").read_text()) if week["state"] == "held")
    assert (week["as_of"], week["published"]) == ("2025-01-15", True)
    assert week["next_command"].startswith("correct the extract, then make backfill FROM=2025-01-15 TO=2025-01-15")
    # The next week that is published does without it, and those between are named.
    run_week(home, FOURTH)
    assert outdated(home) == [THIRD.date()]


def test_status_names_missing_weeks_and_reports_that_are_not_there(in_order, tmp_path, monkeypatch, capsys):
    home = Settings(home=tmp_path / "home", extracts=tmp_path / "extracts")
    shutil.copytree(in_order.extracts, home.extracts)
    run_week(home, FIRST)
    run_week(home, THIRD)
    shutil.rmtree(home.extracts / f"{SECOND:%Y-%m-%d}")
    shutil.rmtree(home.report_folder(THIRD))
    (home.extracts / "2222-02-06").mkdir()  # a Wednesday, but to come
    with connect(home) as connection:
        write_list(home, connection)
    monkeypatch.setenv("GREENERY_HOME", str(home.home))
    monkeypatch.setenv("GREENERY_EXTRACTS", str(home.extracts))
    monkeypatch.setenv("COLUMNS", "200")
    assert greenery("status") == 0
    printed = capsys.readouterr().out
    weeks = {line.split()[1]: line for line in printed.splitlines() if line.startswith("│ 2025")}
    assert list(weeks) == [f"{week:%Y-%m-%d}" for week in WEEKS]
    assert "no extract found" in weeks["2025-01-15"]
    assert "extract found, not loaded yet" in weeks["2025-01-29"]
    next_steps = re.findall(r"^Next: (.*make backfill FROM=\S+ TO=\S+)", printed, re.MULTILINE)
    put = f"put its extract into {home.extracts / '2025-01-15'}, then make backfill FROM=2025-01-15 TO=2025-01-15"
    assert next_steps == [put, "make backfill FROM=2025-01-22 TO=2025-01-29"]


def test_a_late_week_names_those_it_restates_and_they_say_what_changed(in_order, tmp_path):
    home = Settings(home=tmp_path / "home", extracts=in_order.extracts)
    run_week(home, FIRST)
    run_week(home, FOURTH)
    early = json.loads((home.report_folder(FOURTH) / "summary.json").read_text())
    assert run_week(home, THIRD) == [FOURTH]
    assert next_commands(home) == {
        "2025-01-29": f"make backfill FROM=2025-01-29 TO=2025-01-29 GREENERY_HOME={home.home} EXTRACTS={home.extracts}"
    }
    assert run_week(home, SECOND) == [THIRD, FOURTH]
    assert commands.reruns(home, outdated(home)) == [
        f"make backfill FROM=2025-01-22 TO=2025-01-29 GREENERY_HOME={home.home} EXTRACTS={home.extracts}"
    ]

    assert run_week(home, THIRD) == [FOURTH]
    assert run_week(home, FOURTH) == []
    assert outcome(home) == outcome(in_order)
    assert next_commands(home) == {}

    restatement = json.loads((home.report_folder(FOURTH) / "restatement.json").read_text())
    late = json.loads((home.report_folder(FOURTH) / "summary.json").read_text())
    previous = next(row for row in restatement["figures"] if row["figure"] == "order_changes.previous_as_of")
    assert previous == {
        "figure": "order_changes.previous_as_of",
        "old": "2025-01-08T00:00:00+00:00",
        "new": "2025-01-22T00:00:00+00:00",
    }
    orders = {order["order_id"] for summary in (early, late) for order in summary["order_changes"]["orders"]}
    assert restatement["orders"]
    assert {order["order_id"] for order in restatement["orders"]} <= orders
    page = (home.report_folder(FOURTH) / "index.html").read_text()
    assert "these figures differ from the ones reported before" in page
    assert not (home.report_folder(FIRST) / "restatement.json").exists()


def test_withdrawn_it_counts_as_missing_and_brought_back_all_is_as_before(in_order, tmp_path):
    home = Settings(home=tmp_path / "home", extracts=tmp_path / "extracts")
    shutil.copytree(in_order.home, home.home, symlinks=True)
    shutil.copytree(in_order.extracts, home.extracts)
    without = Settings(home=tmp_path / "without", extracts=home.extracts)
    for week in (FIRST, THIRD, FOURTH):
        run_week(without, week)
    differ = [week for week in (THIRD, FOURTH) if summary(without, week) != summary(in_order, week)]
    assert THIRD in differ

    assert run_week(home, SECOND, withdrawal="prices <in> cents") == differ
    folder = home.report_folder(SECOND)
    assert sorted(path.name for path in folder.iterdir()) == ["index.html", "quality.html", "quality.json"]
    assert "withdrawn: prices &lt;in&gt; cents" in (folder / "index.html").read_text()
    with connect(home) as connection:
        held = ledger.newest(connection, SECOND)
        assert (held.state, held.reason) == ("held", "withdrawn: prices <in> cents")
    with pytest.raises(ExtractError, match=r"2025-01-15 was withdrawn .* run the week with {\"reextract\": true}"):
        run_week(home, SECOND)
    for week in differ:
        run_week(home, week)
    assert outdated(home) == []
    assert outcome(home) == outcome(without)

    assert run_week(home, SECOND, reextract=True) == differ
    for week in differ:
        run_week(home, week)
    assert outcome(home) == outcome(in_order)


def test_another_maturity_restates_all_weeks_that_are_not_run_with_it(in_order, tmp_path):
    shutil.copytree(in_order.home, tmp_path / "home", symlinks=True)
    home = Settings(home=tmp_path / "home", extracts=in_order.extracts)
    sooner = replace(home, maturity_days=14)
    with connect(home) as connection:
        write_list(home, connection)
        assert outdated(home) == []
        assert comparing.settle(sooner, connection) == WEEKS
        assert comparing.settle(home, connection) == []
        write_list(home, connection)
        assert outdated(home) == []

    assert run_week(sooner, FOURTH) == [FIRST, SECOND, THIRD]
    assert outdated(sooner) == [week.date() for week in (FIRST, SECOND, THIRD)]
    for week in (FIRST, SECOND, THIRD):
        run_week(sooner, week)
    assert outdated(sooner) == []
    assert run_week(home, FOURTH) == [FIRST, SECOND, THIRD]


def test_what_is_not_admitted_or_alone_is_not_withdrawn(in_order, tmp_path):
    home = Settings(home=tmp_path / "home", extracts=in_order.extracts)
    land(home, FIRST)
    with connect(home) as connection:
        with pytest.raises(NothingToWithdrawError, match="no extract 2025-01-08 is admitted"):
            locking.acquire(connection, "run", FIRST, lambda _: False, "a reason")
        ledger.admit(connection, ledger.newest(connection, FIRST).extract_id)
        with pytest.raises(NothingToWithdrawError, match="2025-01-08 is the only admitted one"):
            locking.acquire(connection, "run", FIRST, lambda _: False, "a reason")
