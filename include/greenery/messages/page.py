"""The pages of the reports: the page of each week, and the list of all weeks. Each is one file and loads no other."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

from greenery.figures.model import Summary
from greenery.figures.order_changes import CHANGES, groups
from greenery.figures.restatement_model import Restatement
from greenery.messages import chart, digest, wording
from greenery.messages.check_results import CheckResults
from greenery.messages.digest_parts import Links
from greenery.messages.templating import environment
from greenery.messages.week_state import ListedWeek
from greenery.source.tables import STEPS

SEVERITIES = ("critical", "warning", "info")
# The number of orders that a page shows for each kind of change.
SHOWN_ORDERS = 100
# The place for the links to the weeks beside it. They are filled in later, because the next week does not exist yet.
NEIGHBOURS = '<nav class="neighbours" aria-label="Weeks beside this one">{}</nav>'


def render(
    summary: Summary | None,
    results: CheckResults | None,
    links: Mapping[str, str],
    restatement: Restatement | None = None,
    held_because: str = "",
    funnel: str | None = None,
) -> str:
    """Return the page of a week as HTML.

    summary: content of summary.json; None if the week has no figures.
    results: content of quality.json; None if nothing has been checked yet.
    links: the addresses of the links in the footer, by their labels.
    restatement: content of restatement.json; None if the week is not restated.
    held_because: why the week's extract is held; empty if it is not held.
    funnel: the address of the funnel page for this week; None if there is none.
    """
    return environment.get_template("week.html.j2").render(
        summary=summary,
        digest=digest.build(summary, results, restatement, Links(funnel=funnel)) if summary else None,
        quality=results,
        links=links,
        held_because=held_because,
        chart=chart,
        wording=wording,
        steps=STEPS,
        changes=CHANGES,
        order_groups=groups(summary.order_changes) if summary else (),
        csv=links.get("order_changes.csv"),
        neighbours=NEIGHBOURS.format(""),
        shown_orders=SHOWN_ORDERS,
    )


def with_neighbours(text: str, before: date | None, after: date | None) -> str:
    """Return the page of a week with links to the weeks before and after it.

    text: the page. before, after: the days on which these weeks end; None if such a week has no page.
    """
    links = [
        f'<a href="../{week}/index.html">{label.format(wording.date(week))}</a>' if week else "<span></span>"
        for week, label in ((before, "← Week to {}"), (after, "Week to {} →"))
    ]
    pattern = NEIGHBOURS.format(".*?")
    return re.sub(pattern, NEIGHBOURS.format(links[0] + links[1]), text, count=1)


def render_quality(results: CheckResults, advice: Mapping[str, tuple[str, str]]) -> str:
    """Return the page of a week's checks as HTML.

    results: content of quality.json. advice: for each failed check, what to look at, and what to do then.
    """
    return environment.get_template("quality.html.j2").render(quality=results, advice=advice, severities=SEVERITIES)


def render_index(weeks: Sequence[ListedWeek]) -> str:
    """Return the list of all weeks as HTML, newest first."""
    return environment.get_template("index.html.j2").render(weeks=weeks)


class SuitePages(NamedTuple):
    """A suite on the first page of the Data Docs.

    results, expectations: the addresses of its pages. size, failing: how many expectations it has, and how many failed.
    """

    name: str
    results: str
    expectations: str
    size: int
    failing: int


def render_data_docs(title: str, body: str = "", suites: Sequence[SuitePages] = ()) -> str:
    """Return a page of the Data Docs as HTML.

    body: HTML of a page of Great Expectations, without its styles and scripts. suites: the suites, for the first page.
    """
    return environment.get_template("data_docs.html.j2").render(title=title, body=body, suites=suites)
