"""The pages of the reports: one of each week and the list of all weeks. Each is one file that loads nothing else."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined

from greenery.report import chart, wording
from greenery.report.summary import CHANGES
from greenery.source_tables import STEPS

SEVERITIES = ("critical", "warning", "info")
SHOWN_ORDERS = 200
SHOWN_FIGURES = 12

_environment = Environment(
    loader=PackageLoader("greenery.report"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_environment.filters |= {
    "number": wording.count,
    "signed": wording.signed,
    "percent": wording.percent,
    "signed_percent": wording.signed_percent,
    "points": wording.points,
    "day": wording.day,
    "date": wording.date,
}


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
    return _environment.get_template("week.html.j2").render(
        summary=summary,
        quality=quality,
        links=links,
        restated=restated,
        held_because=held_because,
        chart=chart,
        wording=wording,
        steps=STEPS,
        changes=CHANGES,
        shown_orders=SHOWN_ORDERS,
        shown_figures=SHOWN_FIGURES,
    )


def render_quality(quality: dict, advice: dict[str, tuple[str, str]]) -> str:
    """Return the page of a week's checks as HTML.

    quality: content of quality.json. advice: for a check, what to look at and what to do then.
    """
    return _environment.get_template("quality.html.j2").render(quality=quality, advice=advice, severities=SEVERITIES)


def render_index(weeks: list[dict]) -> str:
    """Return the list of all weeks as HTML, newest first.

    weeks: as_of (YYYY-MM-DD), state (landed, admitted, held), reason, published, has_report, restated, outdated and
    next_command of each.
    """
    return _environment.get_template("index.html.j2").render(weeks=weeks)
