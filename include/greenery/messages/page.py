"""The pages of the reports: one of each week and the list of all weeks. Each is one file that loads nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from greenery.figures.order_changes import CHANGES
from greenery.messages import chart, digest, wording
from greenery.messages.digest import Links
from greenery.messages.templating import environment
from greenery.messages.week_state import ListedWeek
from greenery.source.tables import STEPS

SEVERITIES = ("critical", "warning", "info")
SHOWN_ORDERS = 200


def render(
    summary: dict | None,
    quality: dict | None,
    links: dict[str, str],
    restated: dict | None = None,
    held_because: str = "",
) -> str:
    """Return the page of a week as HTML.

    summary: content of summary.json; None where the week has no figures.
    quality: content of quality.json; None where nothing has been checked yet.
    links: label and address of what the footer points to.
    restated: content of restatement.json; None where the figures were never others.
    held_because: why the week's extract is held; empty where it is not.
    """
    return environment.get_template("week.html.j2").render(
        summary=summary,
        digest=digest.build(summary, quality, restated, Links()) if summary else None,
        quality=quality,
        links=links,
        held_because=held_because,
        chart=chart,
        wording=wording,
        steps=STEPS,
        changes=CHANGES,
        shown_orders=SHOWN_ORDERS,
    )


def render_quality(quality: dict, advice: dict[str, tuple[str, str]]) -> str:
    """Return the page of a week's checks as HTML.

    quality: content of quality.json. advice: for a check, what to look at and what to do then.
    """
    return environment.get_template("quality.html.j2").render(quality=quality, advice=advice, severities=SEVERITIES)


def render_index(weeks: Sequence[ListedWeek]) -> str:
    """Return the list of all weeks as HTML, newest first."""
    return environment.get_template("index.html.j2").render(weeks=weeks)
