"""Back to the version before: readers, ledger, reports and the next run agree."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from greenery.build import locking
from greenery.landing import ledger
from greenery.landing.loading import ExtractError, land
from greenery.publishing import rollback as rolling_back
from greenery.publishing import versions
from greenery.publishing.rollback import RollbackError, roll_back
from greenery.publishing.versions import open_published
from greenery.report import weeks
from greenery.settings import Settings
from greenery.simulator.shop import Shop, simulate
from greenery.warehouse.access import connect
from greenery.warehouse.connection import rows

from tests.pipeline import passing_gate, run_week
from tests.program import greenery

WEEKS = [datetime(2025, 1, 8), datetime(2025, 1, 15), datetime(2025, 1, 22)]
WHY = "prices in cents"


@pytest.fixture(scope="module")
def home(replays, tmp_path_factory) -> Settings:
    """Two published weeks: version 1 has the first one, version 2 both."""
    folder = tmp_path_factory.mktemp("rollback")
    home = Settings(home=folder / "home", extracts=folder / "extracts")
    simulate(Shop(first_as_of=WEEKS[0], weeks=3, sessions_per_week=60), home.extracts)
    with passing_gate():
        run_week(home, WEEKS[0])
        run_week(home, WEEKS[1])
    return home


@pytest.fixture(autouse=True)
def environment(home, monkeypatch):
    monkeypatch.setenv("GREENERY_HOME", str(home.home))
    monkeypatch.setenv("GREENERY_EXTRACTS", str(home.extracts))


def published_weeks(home) -> list[datetime]:
    with open_published(home) as connection:
        found = rows(connection, "select as_of from intermediate.int_extract_pairs order by as_of")
    return [row["as_of"] for row in found]


def states(home) -> dict[str, tuple[str, bool, bool]]:
    return {f"{week.as_of}": (week.state, week.published, week.has_report) for week in weeks.recorded(home)}


def files(home) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in home.reports.rglob("*") if path.is_file()}


def test_while_a_run_builds_it_is_refused(home):
    with connect(home) as connection:
        assert locking.acquire(connection, "builds", WEEKS[1], lambda _: True)
    before = files(home)
    with pytest.raises(locking.BusyError, match="the run builds holds the warehouse"):
        roll_back(home, WHY)
    with connect(home) as connection:
        assert {extract.state for extract in ledger.extracts(connection)} == {"admitted"}
        locking.release(connection, "builds")
    assert (published_weeks(home), files(home)) == (WEEKS[:2], before)


@pytest.mark.parametrize(("version", "says"), [(7, "use one of 1"), (-1, "use one of 1")])
def test_a_version_that_is_not_kept_is_refused(home, version, says):
    with pytest.raises(RollbackError, match=says):
        roll_back(home, WHY, version)
    assert greenery("rollback", "x", "--reason", WHY) == 2
    assert greenery("rollback", "--reason", " ") == 2
    assert published_weeks(home) == WEEKS[:2]


def test_after_a_kill_before_the_switch_the_next_try_completes_it(home, monkeypatch, capsys):
    first = json.loads((home.report_folder(WEEKS[0]) / "summary.json").read_bytes())

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(versions, "switch_link", killed)
        with pytest.raises(KeyboardInterrupt):
            roll_back(home, WHY)
    assert published_weeks(home) == WEEKS[:2]

    assert greenery("rollback", "--reason", WHY) == 0
    said = capsys.readouterr().out
    assert "The extract 2025-01-15 is held. To bring it back: make backfill FROM=2025-01-15 TO=2025-01-15" in said
    assert published_weeks(home) == WEEKS[:1]
    assert states(home) == {"2025-01-08": ("admitted", True, True), "2025-01-15": ("held", False, False)}
    assert f"rolled back to version 1: {WHY}" in (home.report_folder(WEEKS[1]) / "index.html").read_text()
    assert json.loads((home.report_folder(WEEKS[0]) / "summary.json").read_bytes()) == first


def test_doing_it_again_changes_nothing(home, capsys):
    before = files(home)
    assert greenery("rollback", "--reason", WHY) == 0
    assert "Version 1 is published already" in capsys.readouterr().out
    assert greenery("rollback", "1", "--reason", WHY) == 0
    assert (published_weeks(home), files(home)) == (WEEKS[:1], before)


def test_the_next_run_does_not_publish_it_again(home):
    with pytest.raises(ExtractError, match=f"was withdrawn \\(rolled back to version 1: {WHY}\\)"):
        land(home, WEEKS[1])
    with passing_gate():
        run_week(home, WEEKS[2])
    assert published_weeks(home) == [WEEKS[0], WEEKS[2]]
    assert home.published.resolve().name == "3"


def test_the_version_before_is_the_one_that_readers_had(home):
    """Version 2 was rolled back: before version 3 readers had version 1."""
    with pytest.raises(RollbackError, match="use one of 1"):
        roll_back(home, WHY, 2)
    done = roll_back(home, WHY)
    assert (done.version, done.instead_of, list(done.held)) == (1, 3, [WEEKS[1], WEEKS[2]])


def test_brought_back_all_is_as_if_nothing_had_been_rolled_back(home, tmp_path):
    with passing_gate():
        for week in WEEKS[1:]:
            run_week(home, week, reextract=True)
        straight = Settings(home=tmp_path / "home", extracts=home.extracts)
        for week in WEEKS:
            run_week(straight, week)
    for week in WEEKS:
        for name in ("summary.json", "order_changes.csv"):
            assert (home.report_folder(week) / name).read_bytes() == (straight.report_folder(week) / name).read_bytes()


def test_an_extract_that_was_withdrawn_since_is_admitted_again(home):
    with passing_gate():
        run_week(home, WEEKS[1], withdrawal="a mistake")
    assert published_weeks(home) == [WEEKS[0], WEEKS[2]]
    done = roll_back(home, WHY)
    assert (done.admitted, done.held) == ((WEEKS[1],), {})
    assert published_weeks(home) == WEEKS
    with connect(home) as connection:
        assert {extract.state for extract in ledger.extracts(connection)} == {"admitted"}


def test_content_that_was_replaced_can_not_come_back(home):
    file = home.extracts / "2025-01-22" / "products.csv"
    text = file.read_text(encoding="utf-8")
    header, first, *others = text.splitlines()
    name = first.split(",")[1]
    file.write_text("\n".join([header, first.replace(name, "Renamed", 1), *others]) + "\n", encoding="utf-8")
    with passing_gate():
        run_week(home, WEEKS[2], reextract=True)
    before = (published_weeks(home), files(home), home.published.resolve())
    with pytest.raises(RollbackError, match="holds the extract 2025-01-22 as it was before its correction"):
        roll_back(home, WHY)
    assert (published_weeks(home), files(home), home.published.resolve()) == before


def test_a_publish_in_between_is_noticed(home, monkeypatch):
    published = rolling_back._published
    answers = iter([published])

    def other(*arguments):
        return next(answers, lambda *_: 99)(*arguments)

    monkeypatch.setattr(rolling_back, "_published", other)
    version = max(row for row in range(1, 20) if (home.home / "versions" / str(row)).is_dir()) - 2
    with pytest.raises(RollbackError, match="a run has published meanwhile"):
        roll_back(home, WHY, version)
