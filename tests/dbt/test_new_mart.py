"""A new mart is one file of SQL and one yml: with no more it is published, and right after any order of runs."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

import pytest
from greenery.build import dbt_project
from greenery.cli.incident import empty_column
from greenery.publishing.versions import open_published
from greenery.quality import HeldError
from greenery.settings import Settings
from greenery.simulator.shop import Shop, simulate
from greenery.warehouse.connection import rows
from greenery.week import WEEK

from tests import pipeline
from tests.pipeline import passing_gate, run_week, write_manifest

NEW = Path(__file__).with_name("new_marts")
WEEKS = [datetime(2025, 1, 8) + number * WEEK for number in range(4)]


@pytest.fixture
def home(tmp_path, monkeypatch) -> Settings:
    """An empty home, whose dbt project has two marts more: one that is built by key, and a plain table."""
    project = tmp_path / "project"
    shutil.copytree(pipeline.PROJECT, project, ignore=shutil.ignore_patterns("target", "logs"))
    shutil.copytree(NEW, project / "models" / "marts", dirs_exist_ok=True)
    for module in (pipeline, dbt_project):
        monkeypatch.setattr(module, "PROJECT", project)
    monkeypatch.setattr(dbt_project, "MANIFEST", write_manifest(tmp_path / "target"))
    home = Settings(home=tmp_path / "home", extracts=tmp_path / "extracts")
    simulate(Shop(WEEKS[0], weeks=len(WEEKS), sessions_per_week=40), home.extracts)
    return home


def published(home: Settings) -> dict[str, list[dict]]:
    names = sorted(path.stem for path in NEW.glob("*.sql"))
    with open_published(home) as connection:
        return {name: rows(connection, f"from analytics.{name} order by all") for name in names}


def test_new_marts_are_right_after_any_order_of_runs(home):
    first, second, third, last = WEEKS
    with passing_gate():
        for week in (first, third, second):
            run_week(home, week)
    in_order = published(home)
    assert all(in_order.values())

    # Held: readers keep what they have. Withdrawn, and landed with other content: it shows.
    empty_column(home.extracts / f"{last:%Y-%m-%d}" / "orders.csv", "status")
    with pytest.raises(HeldError):
        run_week(home, last)
    assert published(home) == in_order
    run_week(home, third, withdrawal="prices in cents")
    orders = home.extracts / f"{second:%Y-%m-%d}" / "orders.csv"
    lines = orders.read_text(encoding="utf-8").splitlines(keepends=True)
    orders.write_text("".join([*lines[:-1]]), encoding="utf-8")
    run_week(home, second, reextract=True)
    found = published(home)
    assert all(found[name] != in_order[name] for name in found)

    run_week(home, second, full_refresh=True)
    assert published(home) == found
