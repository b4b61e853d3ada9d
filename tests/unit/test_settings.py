"""What the settings make of the environment, and the commands that work on a home."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from greenery import settings
from greenery.settings import REPOSITORY, SettingError, Settings


def test_a_folder_is_known_by_one_path(monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    monkeypatch.setenv("GREENERY_HOME", "docs/../state")
    monkeypatch.setenv("GREENERY_EXTRACTS", "~/extracts")
    loaded = settings.load()
    assert (loaded.home, loaded.extracts) == (REPOSITORY / "state", Path.home() / "extracts")


@pytest.mark.parametrize("value", ["0.5", "28 days", "-1", "inf", "nan"])
def test_maturity_is_a_whole_number_of_days(monkeypatch, value):
    monkeypatch.setenv("GREENERY_MATURITY_DAYS", value)
    with pytest.raises(SettingError, match=f"^GREENERY_MATURITY_DAYS='{value}' is no .*: write .* such as 28"):
        settings.load()
    monkeypatch.setenv("GREENERY_MATURITY_DAYS", " 14 ")
    assert settings.load().maturity_days == 14


def test_an_empty_setting_is_its_default(monkeypatch):
    for name in [name for name in os.environ if name.startswith("GREENERY_")]:
        monkeypatch.delenv(name)
    defaults = settings.load()
    for name in (
        *("HOME", "EXTRACTS", "WEEK_ENDS_ON", "MATURITY_DAYS", "EXTRACT_WAIT_HOURS", "DEADLINE_HOURS", "RUNBOOK_URL"),
        *("SLACK_CHANNEL", "EMAIL_TO", "EMAIL_FROM", "ALERT_CHANNEL", "ALERT_EMAIL_TO", "REPORTS_URL"),
    ):
        monkeypatch.setenv(f"GREENERY_{name}", "")
    assert settings.load() == defaults


class TestCommand:
    def test_of_the_default_home_is_bare(self):
        home = REPOSITORY / ".greenery"
        assert Settings(home, home / "extracts").command("down") == "make down"

    def test_names_the_home_and_extracts_that_lie_elsewhere(self):
        home = Path("/srv/greenery")
        assert Settings(home, home / "extracts").command("down") == "make down GREENERY_HOME=/srv/greenery"
        assert Settings(home, Path("/data/my shop")).command("backfill FROM=2023-01-11 TO=2023-02-01") == (
            "make backfill FROM=2023-01-11 TO=2023-02-01 GREENERY_HOME=/srv/greenery EXTRACTS='/data/my shop'"
        )
