"""A week whose extract fails a critical check is held, and the weeks after it do without it."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from dbt.artifacts.schemas.results import RunStatus, TestStatus
from greenery import quality
from greenery.build import dbt_project, dbt_tests, locking
from greenery.build.locking import LockLostError
from greenery.build.record import NotJudgedError, NotTestedError
from greenery.landing import ledger
from greenery.publishing import versions
from greenery.publishing.versions import open_published
from greenery.quality import HeldError
from greenery.settings import Settings
from greenery.simulator.shop import Shop, simulate
from greenery.warehouse.access import connect
from greenery.warehouse.connection import rows

from tests.pipeline import dbt, record_tests, run_week

WEEKS = [datetime(2025, 1, 8), datetime(2025, 1, 15), datetime(2025, 1, 22)]


def empty_column(file: Path, name: str) -> None:
    """Empty a column of a CSV file without quoted values."""
    header, *lines = file.read_text(encoding="utf-8").splitlines()
    position = header.split(",").index(name)
    emptied = [",".join("" if n == position else value for n, value in enumerate(line.split(","))) for line in lines]
    file.write_text("\n".join([header, *emptied]) + "\n", encoding="utf-8")


def reports(home: Settings) -> dict[str, bytes]:
    """Return the files of the other weeks' reports. Only the links from page to page may change: they are left out."""
    links = re.compile(rb'<nav class="neighbours".*?</nav>', re.DOTALL)
    files = [path for path in home.reports.glob("*/*") if "2025-01-15" not in str(path)]
    return {str(path): links.sub(b"", path.read_bytes()) for path in files}


@pytest.fixture(scope="module")
def home(replays, tmp_path_factory) -> Settings:
    folder = tmp_path_factory.mktemp("held")
    home = Settings(home=folder / "home", extracts=folder / "extracts")
    simulate(Shop(first_as_of=WEEKS[0], weeks=3, sessions_per_week=60), home.extracts)
    shutil.copytree(home.extracts / "2025-01-15", folder / "good")
    empty_column(home.extracts / "2025-01-15" / "orders.csv", "status")
    run_week(home, WEEKS[0])
    return home


def test_a_week_is_held_the_next_does_without_it_and_corrected_it_joins(home):
    version, before = home.published.resolve(), reports(home)
    with pytest.raises(HeldError, match=r"2025-01-15 is held and nothing new is published: required_columns_most"):
        run_week(home, WEEKS[1])

    assert home.published.resolve() == version
    assert reports(home) == before
    quality = json.loads((home.report_folder(WEEKS[1]) / "quality.json").read_text())
    assert quality["verdict"] == "held"
    failed = [check for check in quality["checks"] if not check["passed"] and check["severity"] == "critical"]
    assert [check["check"] for check in failed] == ["required_columns_mostly_filled"]
    assert [example["column_name"] for example in failed[0]["examples"]] == ["orders.status"]
    assert not (home.report_folder(WEEKS[1]) / "summary.json").exists()

    run_week(home, WEEKS[2])
    after_the_gap = json.loads((home.report_folder(WEEKS[2]) / "summary.json").read_text())
    assert after_the_gap["order_changes"]["previous_as_of"] == "2025-01-08T00:00:00+00:00"
    with open_published(home) as connection:
        assert rows(connection, "select count(*) as n from analytics.fct_order_changes where as_of = '2025-01-15'") == [
            {"n": 0}
        ]

    shutil.rmtree(home.extracts / "2025-01-15")
    shutil.copytree(home.extracts.parent / "good", home.extracts / "2025-01-15")
    run_week(home, WEEKS[1], reextract=True)
    run_week(home, WEEKS[2])
    whole = json.loads((home.report_folder(WEEKS[2]) / "summary.json").read_text())
    assert whole["order_changes"]["previous_as_of"] == "2025-01-15T00:00:00+00:00"
    weeks = json.loads((home.reports / "weeks.json").read_text())
    assert [(week["as_of"], week["state"], week["published"]) for week in weeks] == [
        (f"{week:%Y-%m-%d}", "admitted", True) for week in WEEKS
    ]


def test_a_reader_keeps_its_version_while_others_are_published(home):
    with open_published(home) as reader:
        query = "select count(*) as n from analytics.fct_sessions"
        before = rows(reader, query)
        run_week(home, WEEKS[2])
        assert rows(reader, query) == before
    manifest = json.loads((home.published / "manifest.json").read_text())
    assert len(manifest["admitted_extracts"]) == 3
    for relation in dbt_project.models().marts:
        assert (home.published / f"{relation}.parquet").exists()


def test_a_kill_between_admitting_and_switching_is_caught_up(home):
    newest = home.published.resolve()
    older = next(path for path in newest.parent.iterdir() if path.name.isdigit() and path != newest)
    home.published.unlink()
    home.published.symlink_to(f"versions/{older.name}")
    with connect(home) as connection:
        versions.catch_up(home, connection)
    assert home.published.resolve() == newest


def test_a_publish_killed_after_admitting_is_tried_again(home, monkeypatch):
    week = WEEKS[2]
    older = home.published.resolve()

    def killed(*_):
        raise KeyboardInterrupt

    with connect(home) as connection:
        extract = ledger.newest(connection, week)
        ledger.hold(connection, extract.extract_id, "withdrawn")
        # Another run begins, and ends before it has built anything.
        locking.acquire(connection, "another", WEEKS[1], lambda _: False)
        locking.acquire(connection, "run", week, lambda _: False)
    dbt(home, "run")
    with pytest.raises(NotTestedError, match=r"clear its task dbt\.dbt_test"):
        quality.judge(home, "run")
    with pytest.raises(NotJudgedError, match="clear its task quality"):
        versions.publish(home, "run")
    record_tests(home, "run", dbt(home, "test", "--exclude-resource-type", "unit_test"))
    quality.judge(home, "run")
    with monkeypatch.context() as patch:
        patch.setattr(versions, "switch_link", killed)
        with pytest.raises(KeyboardInterrupt):
            versions.publish(home, "run")
    assert home.published.resolve() == older
    version = versions.publish(home, "run")
    assert home.published.resolve().name == str(version)
    with connect(home) as connection:
        assert ledger.newest(connection, week).state == "admitted"
        locking.release(connection, "run")


def test_publishing_what_another_run_built_is_refused(home):
    before = home.published.resolve()
    with connect(home) as connection:
        second = ledger.newest(connection, WEEKS[1])
        ledger.hold(connection, second.extract_id, "withdrawn")
        locking.acquire(connection, "cleared", WEEKS[2], lambda _: False)
    with pytest.raises(LockLostError, match="built from other extracts than this run's"):
        versions.publish(home, "cleared")
    assert home.published.resolve() == before
    with connect(home) as connection:
        ledger.admit(connection, second.extract_id)
        locking.release(connection, "cleared")


def test_five_versions_are_kept(home):
    for _ in range(2):
        run_week(home, WEEKS[2])
    assert len(list((home.home / "versions").iterdir())) == versions.KEPT_VERSIONS


def test_a_failed_dbt_test_holds_the_extract_like_a_check_and_can_not_be_accepted(home):
    week = WEEKS[2]
    with connect(home) as connection:
        assert locking.acquire(connection, "run", week, lambda _: False)
    dbt(home, "run")
    (unique,) = dbt(home, "test", "--select", "unique_fct_sessions_session_id")
    record_tests(home, "run", [replace(unique, status=TestStatus.Fail, failures=2, message="Got 2 results")])
    with pytest.raises(
        HeldError, match=r"unique_fct_sessions_session_id: 2 rows break the rule.*can't be accepted"
    ) as held:
        quality.judge(home, "run", accept="never mind")
    assert [check.check for check in held.value.verdict.failed_critical] == ["unique_fct_sessions_session_id"]
    document = json.loads((home.report_folder(week) / "quality.json").read_text())
    assert document["verdict"] == "held"
    assert document["checks"][-1]["relation"] == "fct_sessions"
    assert "unique_fct_sessions_session_id" in (home.report_folder(week) / "quality.html").read_text()
    with pytest.raises(NotJudgedError):
        versions.publish(home, "run")
    with connect(home) as connection:
        locking.release(connection, "run")


def test_a_dbt_test_that_could_not_run_says_nothing():
    test = SimpleNamespace(resource_type="test", unique_id="test.greenery.x.y")
    with pytest.raises(dbt_tests.TestsBrokenError, match=r"test\.greenery\.x\.y: no such table"):
        dbt_tests.failures([SimpleNamespace(node=test, status=TestStatus.Error, message="no such table")])
    model = SimpleNamespace(resource_type="model", unique_id="model.greenery.x")
    built = SimpleNamespace(node=model, status=RunStatus.Success)
    with pytest.raises(dbt_tests.TestsBrokenError, match="dbt has run no test"):
        dbt_tests.failures([built])
    assert dbt_tests.failures([built, SimpleNamespace(node=test, status=TestStatus.Pass)]) == []
