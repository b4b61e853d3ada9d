"""What the settings make of the environment, and the commands that work on a home."""

from __future__ import annotations

from pathlib import Path

from greenery import settings
from greenery.settings import REPOSITORY, Settings


def test_a_folder_is_known_by_one_path(monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    monkeypatch.setenv("GREENERY_HOME", "docs/../state")
    monkeypatch.setenv("GREENERY_EXTRACTS", "~/extracts")
    loaded = settings.load()
    assert (loaded.home, loaded.extracts) == (REPOSITORY / "state", Path.home() / "extracts")


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
