"""A week in the list of weeks, as weeks.json and the list's page have it."""

from __future__ import annotations

from datetime import date
from typing import Literal

from greenery.documents import Document


class WeekState(Document):
    """A week of weeks.json.

    as_of: the day on which the week ends.
    state: of its extract.
    reason: why the extract is held or missing, or why failed checks of it were accepted.
    published: whether readers have the extract. has_report: whether they have the week's report.
    restated: whether the report was written again with other figures.
    outdated: whether the report would have other figures if it were written now.
    next_command: what to run next for the week; empty where there is nothing to do.
    """

    as_of: date
    state: Literal["missing", "landed", "admitted", "held"]
    reason: str | None = None
    published: bool = False
    has_report: bool = False
    restated: bool = False
    outdated: bool = False
    next_command: str | None = None


class WeekFigures(Document):
    """The main figures of a week's report.

    conversion, change_pp, reading: of checkout; its change since the week before, and how to read it.
    orders_changed: without new orders. warnings: failed checks that do not hold the week.
    """

    sessions: int
    conversion: float | None
    change_pp: float | None
    reading: str
    orders_changed: int
    warnings: int


class ListedWeek(WeekState):
    """A week of the list's page.

    figures: None where the week has no report.
    delivered: where and when its digest was delivered. owed: where it is owed, and why. One line each.
    has_page: whether the week has a page of its own.
    """

    figures: WeekFigures | None = None
    delivered: tuple[str, ...]
    owed: tuple[str, ...]
    has_page: bool
