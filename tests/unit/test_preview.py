"""`make preview`: the digest of a week as files, from the files of its report."""

import json
from contextlib import nullcontext
from datetime import datetime

import pytest
from greenery.cli import preview
from greenery.documents import to_json
from greenery.files import write_atomically
from greenery.messages import digest
from greenery.report import reading, writing
from greenery.report.run_note import RunNote, write_note

from tests.program import greenery
from tests.unit import summaries

AS_OF = datetime(2023, 2, 1)


@pytest.fixture
def reported(home):
    """A home with the report files of a week, and of one before it."""
    folder = home.report_folder(AS_OF)
    write_atomically(folder / "summary.json", to_json(summaries.NORMAL))
    write_atomically(folder / "quality.json", to_json(summaries.PASSED))
    url = "https://airflow.example/runs/1"
    note = RunNote(run_id="manual__1", run_type="manual", url=url, restates=(), next_commands=())
    write_note(home, AS_OF, note)
    write_atomically(home.reports / "2023-01-25" / "summary.json", to_json(summaries.FIRST))
    weeks = [
        {"as_of": "2023-01-18", "state": "held", "reason": "sessions_unique: found twice"},
        {"as_of": "2023-01-25", "state": "admitted", "reason": None},
        {"as_of": "2023-02-08", "state": "held", "reason": "later"},
    ]
    write_atomically(home.reports / "weeks.json", json.dumps(weeks))
    return home


def test_every_medium_is_written_into_the_reports_folder(reported):
    files = preview.write(reported, AS_OF)
    folder = reported.report_folder(AS_OF) / "preview"
    assert [file.relative_to(folder).name for file in files] == ["slack.json", "slack.html", "email.eml", "email.html"]
    assert json.loads((folder / "slack.json").read_text())["blocks"][0]["type"] == "header"
    assert b"Subject: " in (folder / "email.eml").read_bytes()
    assert "cid:" not in (folder / "email.html").read_text()


def test_a_restated_week_has_its_correction_until_it_is_none_any_more(reported):
    folder = reported.report_folder(AS_OF)
    write_atomically(folder / "restatement.json", to_json(summaries.RESTATEMENT))
    assert "correction.eml" in [file.name for file in preview.write(reported, AS_OF)]
    (folder / "restatement.json").unlink()
    preview.write(reported, AS_OF)
    assert sorted(file.name for file in (folder / "preview").iterdir()) == [
        "email.eml",
        "email.html",
        "slack.html",
        "slack.json",
    ]


def test_a_preview_goes_when_the_report_is_written_again(reported, monkeypatch):
    preview.write(reported, AS_OF)
    monkeypatch.setattr(writing, "open_published", nullcontext)
    monkeypatch.setattr(writing, "figures", lambda *_: summaries.FIRST)
    writing.write(reported, AS_OF)
    assert not (reported.report_folder(AS_OF) / "preview").exists()


class TestReadDigest:
    def test_is_made_of_the_reports_files(self, reported):
        found = reading.read_digest(reported, AS_OF)
        assert found.headline == digest.build(summaries.NORMAL, summaries.PASSED, None, found.links).headline
        assert found.links.run == "https://airflow.example/runs/1"
        assert found.links.report == str(reported.reports / "2023-02-01" / "index.html")
        assert found.links.funnel is None

    def test_weeks_held_within_the_trend_are_named(self, reported):
        (notice,) = reading.read_digest(reported, AS_OF).notices
        assert notice == (
            "The extract of 18 Jan 2023 is held and not used (sessions_unique: found twice). Its events count if "
            "a later extract contains them."
        )

    def test_reports_that_are_served_are_linked_where_they_are_served(self, reported):
        served = type(reported)(reported.home, reported.extracts, reports_url="https://reports.example/files")
        links = reading.read_digest(served, AS_OF).links
        assert links.report == "https://reports.example/files/2023-02-01/index.html"
        assert links.funnel is None, "who serves only the reports has no funnel page"

    def test_an_airflow_that_serves_the_reports_serves_the_funnel_page(self, reported):
        served = type(reported)(
            reported.home, reported.extracts, reports_url="https://airflow.example/prefix/greenery/reports"
        )
        links = reading.read_digest(served, AS_OF).links
        assert links.funnel == "https://airflow.example/prefix/greenery/funnel/?as_of=2023-02-01&period=1w"

    def test_no_report(self, home):
        with pytest.raises(reading.NoReportError, match="make backfill FROM=2023-02-01 TO=2023-02-01 GREENERY_HOME="):
            reading.read_digest(home, AS_OF)


class TestCommand:
    def run(self, monkeypatch, home, *arguments):
        monkeypatch.setenv("GREENERY_HOME", str(home.home))
        return greenery("preview", *arguments)

    def test_newest_week_with_a_report(self, reported, monkeypatch, capsys):
        assert self.run(monkeypatch, reported, "") == 0
        assert f"  {reported.report_folder(AS_OF) / 'preview' / 'email.eml'}\n" in capsys.readouterr().out

    def test_a_week_that_is_asked_for(self, reported, monkeypatch, capsys):
        assert self.run(monkeypatch, reported, "2023-01-25") == 0
        assert "week to 2023-01-25" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("as_of", "code", "message"),
        [
            ("2023-01-18", 1, "the week to 2023-01-18 has no report"),
            ("2023-01-19", 2, "does not end a week"),
            ("yesterday", 2, "AS_OF='yesterday' is not a date"),
        ],
    )
    def test_what_cannot_be_shown_is_said(self, reported, monkeypatch, capsys, as_of, code, message):
        assert self.run(monkeypatch, reported, as_of) == code
        assert message in capsys.readouterr().err

    def test_no_report_at_all(self, home, monkeypatch, capsys):
        assert self.run(monkeypatch, home) == 1
        error = capsys.readouterr().err
        assert "no week has a report in" in error
        assert f"make backfill FROM=… TO=… GREENERY_HOME={home.home}" in error
