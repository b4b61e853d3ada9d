"""What the settings make of the environment, and the commands that work on a home."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from greenery import commands, settings
from greenery.channels import sent
from greenery.cli import doctor, purge
from greenery.local_airflow import server
from greenery.local_airflow.environment import environment
from greenery.publishing import week_rows
from greenery.publishing.versions import NothingPublishedError, open_published
from greenery.report import writing
from greenery.settings import REPOSITORY, SettingError, Settings
from greenery.warehouse.access import connect
from greenery.warehouse.connection import rows

from tests.program import greenery


def test_a_folder_is_known_by_one_path(monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    monkeypatch.setenv("GREENERY_HOME", "docs/../state")
    monkeypatch.setenv("GREENERY_EXTRACTS", "~/extracts")
    loaded = settings.load()
    assert (loaded.home, loaded.extracts) == (REPOSITORY / "state", Path.home() / "extracts")
    assert (loaded.reports, sent.contents(loaded).parent) == (REPOSITORY / "state" / "reports", loaded.home)


def test_the_reports_can_have_a_folder_of_their_own(monkeypatch, tmp_path):
    """Workers on several hosts share it, with the contents of what was sent. An Airflow that is started gets it too."""
    monkeypatch.setenv("GREENERY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GREENERY_REPORTS", str(tmp_path / "shared"))
    loaded = settings.load()
    assert loaded.report_folder(datetime(2023, 2, 1)) == tmp_path / "shared" / "2023-02-01"
    assert sent.contents(loaded).parent == tmp_path / "shared"
    assert environment(loaded, 1, 2)["GREENERY_REPORTS"] == str(tmp_path / "shared")
    played = replace(loaded, reports_in=None)
    assert environment(played, 1, 2)["GREENERY_REPORTS"] == ""


@pytest.mark.parametrize("value", ["0.5", "28 days", "-1", "inf", "nan"])
def test_maturity_is_a_whole_number_of_days(monkeypatch, value):
    monkeypatch.setenv("GREENERY_MATURITY_DAYS", value)
    with pytest.raises(SettingError, match=f"^GREENERY_MATURITY_DAYS='{value}' is no .*: write .* such as 28"):
        settings.load()
    monkeypatch.setenv("GREENERY_MATURITY_DAYS", " 14 ")
    assert settings.load().maturity_days == 14


@pytest.mark.parametrize("value", ["4", "GB", "0GB", "4 gigabytes", "-1GB", "4GB'; select 1; --"])
def test_a_size_of_memory_that_can_not_be_used_names_the_setting(value, monkeypatch):
    monkeypatch.setenv("GREENERY_MEMORY", value)
    with pytest.raises(SettingError, match=r"^GREENERY_MEMORY=.* is no size of memory: write one such as 4GB\.$"):
        settings.load()


def test_duckdb_takes_no_more_memory_than_the_setting(home):
    with connect(replace(home, memory="1.5 GiB")) as connection:
        assert rows(connection, "select current_setting('memory_limit') as found") == [{"found": "1.5 GiB"}]


def test_an_empty_setting_is_its_default(monkeypatch):
    for name in [name for name in os.environ if name.startswith("GREENERY_")]:
        monkeypatch.delenv(name)
    defaults = settings.load()
    for name in (
        *("HOME", "EXTRACTS", "WEEK_ENDS_ON", "MATURITY_DAYS", "EXTRACT_WAIT_HOURS", "DEADLINE_HOURS", "RUNBOOK_URL"),
        *(
            "MEMORY",
            "SLACK_CHANNEL",
            "EMAIL_TO",
            "EMAIL_FROM",
            "ALERT_CHANNEL",
            "ALERT_EMAIL_TO",
            "REPORTS_URL",
            "REPORTS",
        ),
    ):
        monkeypatch.setenv(f"GREENERY_{name}", "")
    assert settings.load() == defaults


class TestCommand:
    def test_of_the_default_home_is_bare(self):
        home = REPOSITORY / ".greenery"
        assert commands.make(Settings(home, home / "extracts"), "down") == "make down"

    def test_names_the_home_and_extracts_that_lie_elsewhere(self):
        home = Path("/srv/greenery")
        assert commands.make(Settings(home, home / "extracts"), "down") == "make down GREENERY_HOME=/srv/greenery"
        assert commands.make(Settings(home, Path("/data/my shop")), "backfill FROM=2023-01-11 TO=2023-02-01") == (
            "make backfill FROM=2023-01-11 TO=2023-02-01 GREENERY_HOME=/srv/greenery EXTRACTS='/data/my shop'"
        )

    def test_is_what_a_home_without_weeks_prints(self, home, monkeypatch, capsys):
        monkeypatch.setenv("GREENERY_HOME", str(home.home))
        monkeypatch.setenv("GREENERY_EXTRACTS", str(home.extracts))
        where = f"GREENERY_HOME={home.home} EXTRACTS={home.extracts}"
        assert greenery("status") == 0
        assert f"make demo {where}, or make backfill FROM=… TO=… {where}" in capsys.readouterr().out
        assert f"make demo {where}, or make backfill FROM=… TO=… {where}" in doctor._warehouse(home).says
        home.home.mkdir()
        home.warehouse.touch()
        assert doctor._warehouse(home).says == f"nothing is published: see make status {where} for why"
        message = re.escape(f"run a week first (make backfill FROM=… TO=… {where})")
        with pytest.raises(NothingPublishedError, match=message), open_published(home):
            pass

    def test_is_what_a_week_without_its_extract_prints(self, home, monkeypatch):
        where = f"GREENERY_HOME={home.home} EXTRACTS={home.extracts}"
        monkeypatch.setattr(writing, "open_published", lambda _: duckdb.connect())
        monkeypatch.setattr(week_rows, "rows", lambda *_: [])
        with pytest.raises(writing.NotAdmittedError) as error:
            writing.write(home, datetime(2023, 1, 11))
        command = f"make backfill FROM=2023-01-11 TO=2023-01-11 {where}"
        assert str(error.value) == f"the extract 2023-01-11 is not admitted: run its week first ({command})."

    def test_is_what_stops_an_airflow_that_is_in_the_way(self, home, monkeypatch, capsys):
        where = f"GREENERY_HOME={home.home} EXTRACTS={home.extracts}"
        monkeypatch.setattr(purge, "load", lambda: home)
        monkeypatch.setattr(purge, "running", lambda _: server.Running())
        assert greenery("purge") == 1
        assert f"stop it first (make down {where})" in capsys.readouterr().err
