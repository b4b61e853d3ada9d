"""The list of weeks: which weeks are in it, and what to do next about them."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path

import pytest
from greenery.channels import sent
from greenery.files import write_atomically
from greenery.messages.week_state import WeekState
from greenery.report import runs, weeks
from greenery.settings import Settings

from tests.program import greenery
from tests.unit import summaries

FIRST = date(2025, 1, 8)


def days(*numbers: int) -> list[str]:
    return [f"{date.fromordinal(FIRST.toordinal() + 7 * number)}" for number in numbers]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch) -> Settings:
    """The first week is landed, the next seven have a folder."""
    monkeypatch.setenv("GREENERY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GREENERY_EXTRACTS", str(tmp_path / "extracts"))
    found = Settings(home=tmp_path / "home", extracts=tmp_path / "extracts")
    week = WeekState(as_of=FIRST, state="admitted", published=True, has_report=True)
    write_atomically(found.reports / "weeks.json", json.dumps([week.document()]))
    report = found.report_folder(datetime(2025, 1, 8)) / "summary.json"
    write_atomically(report, json.dumps(summaries.FIRST.document()))
    for day in days(*range(8)):
        (found.extracts / day).mkdir(parents=True)
    return found


def next_steps(shop: Settings) -> dict[str, str]:
    where = f" GREENERY_HOME={shop.home} EXTRACTS={shop.extracts}"
    return {f"{week.as_of}": week.next_command.replace(where, "") for week in weeks.listed(shop) if week.next_command}


def test_one_command_names_all_weeks_that_wait_to_be_run(shop, capsys):
    first, last = days(1, 7)
    assert next_steps(shop) == {last: f"make backfill FROM={first} TO={last}"}
    assert greenery("status") == 0
    printed = capsys.readouterr().out
    assert printed.count("Next: ") == 1
    assert f"Next: make backfill FROM={first} TO={last} " in printed


def test_a_range_ends_where_a_week_needs_something_else(shop):
    for day in days(3, 4):
        (shop.extracts / day).rmdir()
    runs.note(shop, datetime.fromisoformat(days(6)[0]), "backfill__1")
    ends = days(1, 2, 3, 4, 5, 7)
    assert next_steps(shop) == {
        ends[1]: f"make backfill FROM={ends[0]} TO={ends[1]}",
        ends[3]: f"put the extracts of {ends[2]} to {ends[3]} into {shop.extracts}, then "
        f"make backfill FROM={ends[2]} TO={ends[3]}",
        ends[4]: f"make backfill FROM={ends[4]} TO={ends[4]}",
        ends[5]: f"make backfill FROM={ends[5]} TO={ends[5]}",
    }


def test_a_late_week_is_listed_without_the_weeks_before_it(shop, capsys):
    late, soon = datetime(2026, 1, 7), datetime(2199, 1, 2)
    sent.owe(shop, late, "late")
    sent.owe(shop, soon, "its scheduled run has not delivered it")
    *others, before, after = weeks.listed(shop)
    assert [f"{week.as_of}" for week in others] == days(*range(8))
    assert (before.as_of, before.states) == (late.date(), ("late",))
    assert before.notes == ("no extract found", "the digest was due on 2026-01-07 12:00 UTC")
    assert before.next_command.startswith(f"put its extract into {shop.extracts}/2026-01-07, then make backfill FROM=")
    assert (after.as_of, after.states) == (soon.date(), ("missing",))
    assert greenery("status") == 0
    assert "late" in capsys.readouterr().out


def test_a_run_of_the_first_week_is_listed_before_anything_is_landed(shop):
    (shop.reports / "weeks.json").unlink()
    assert weeks.listed(shop) == []
    as_of = datetime.fromisoformat(days(0)[0])
    runs.note(shop, as_of, "backfill__1")
    (week,) = weeks.listed(shop)
    assert (week.states, week.next_command) == (("running",), None)
    runs.end(shop, as_of, "backfill__1")
    assert weeks.listed(shop) == []
