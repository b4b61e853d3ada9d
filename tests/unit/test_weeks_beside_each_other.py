"""The weeks beside each other: the links from page to page, and the figures in the list of weeks."""

import json
import re
from datetime import datetime, timedelta

import pytest
from greenery.documents import to_json
from greenery.files import write_atomically
from greenery.report import weeks, writing

from tests.unit import summaries

AS_OF = datetime(2023, 2, 1)
WEEK = timedelta(days=7)
BEFORE, AFTER = AS_OF - WEEK, AS_OF + WEEK


@pytest.fixture
def reported(home):
    """A home with the report files of three weeks, and without their pages."""
    for week in (BEFORE, AS_OF, AFTER):
        write_atomically(home.report_folder(week) / "summary.json", to_json(summaries.NORMAL))
    return home


def neighbours(home, week):
    """Return the links to other weeks on the page of a week."""
    text = (home.report_folder(week) / "index.html").read_text()
    return re.findall(r'href="\.\./([\d-]+)/index.html"', text)


@pytest.mark.parametrize("order", [(BEFORE, AS_OF, AFTER), (AFTER, AS_OF, BEFORE), (AS_OF, AFTER, BEFORE)])
def test_a_page_links_the_weeks_before_and_after_it_in_whichever_order_they_are_written(reported, order):
    for week in order:
        writing.write_page(reported, week)
    assert neighbours(reported, BEFORE) == ["2023-02-01"]
    assert neighbours(reported, AS_OF) == ["2023-01-25", "2023-02-08"]
    assert neighbours(reported, AFTER) == ["2023-02-01"]


def test_a_week_that_has_no_page_is_not_linked(reported):
    writing.write_page(reported, BEFORE)
    writing.write_page(reported, AFTER)
    assert neighbours(reported, BEFORE) == neighbours(reported, AFTER) == []


def test_a_link_changes_nothing_else_of_a_page(reported):
    writing.write_page(reported, BEFORE, held_because="sessions_unique: found twice")
    page = reported.report_folder(BEFORE) / "index.html"
    alone = page.read_text()
    writing.write_page(reported, AS_OF)
    assert "Held:" in page.read_text()
    link = re.compile('<nav class="neighbours".*?</nav>')
    assert link.sub("", page.read_text()) == link.sub("", alone)


def test_the_list_has_the_figures_of_each_report(reported):
    listed = [{"as_of": "2023-02-01", "state": "admitted", "has_report": True}]
    listed += [{"as_of": "2023-01-25", "state": "held"}]
    write_atomically(reported.reports / "weeks.json", json.dumps(listed))
    write_atomically(reported.report_folder(AS_OF) / "quality.json", to_json(summaries.WARNED))
    held, admitted = weeks.listed(reported)
    assert held.figures is None
    assert admitted.figures.document() == {
        "sessions": 578,
        "conversion": 0.624567,
        "change_pp": 1.3853,
        "reading": "within_noise",
        "orders_changed": 18,
        "warnings": 2,
    }


def test_the_list_reads_reports_of_an_earlier_version_of_the_code(reported):
    file = reported.report_folder(AS_OF) / "summary.json"
    old = json.loads(file.read_text())
    for name in ("four_weeks", "session_days"):
        del old[name]
    del old["order_changes"]["changed"]
    write_atomically(file, json.dumps(old))
    write_atomically(
        reported.reports / "weeks.json", json.dumps([{"as_of": "2023-02-01", "state": "admitted", "has_report": True}])
    )
    (admitted,) = weeks.listed(reported)
    assert admitted.figures.orders_changed == 18
