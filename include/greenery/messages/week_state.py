"""A week in the list of weeks, for weeks.json and for the page of the list."""

from __future__ import annotations

from datetime import date
from typing import Literal

from greenery.documents import Document, Moment


class WeekState(Document):
    """A week of weeks.json.

    as_of: the day on which the week ends.
    state: the state of its extract.
    reason: why the extract is held or missing, or why its failed checks were accepted.
    published: whether the published data contains the extract. has_report: whether the week has a report.
    restated: whether the report was written again with other figures.
    outdated: whether the report would have other figures if it were written now.
    next_command: the next command for the week; None if there is nothing to do.
    """

    as_of: date
    state: Literal["missing", "not loaded", "landed", "admitted", "held"]
    reason: str | None = None
    published: bool = False
    has_report: bool = False
    restated: bool = False
    outdated: bool = False
    next_command: str | None = None


class WeekFigures(Document):
    """The main figures of a week's report.

    conversion, change_pp, reading: the conversion of checkout, its change since the week before, and the reading of
        this change.
    orders_changed: the number of changed orders, without new ones; None for the first extract.
    warnings: the number of failed warnings.
    """

    sessions: int
    conversion: float | None
    change_pp: float | None
    reading: str
    orders_changed: int | None
    warnings: int


class ListedWeek(WeekState):
    """A week of the list's page.

    figures: None if the week has no report.
    delivered: where and when its digest was delivered, one line for each channel. owed: where it is owed, and why.
    has_page: whether the week has a page of its own.
    run_since: when the run that is under way began; None if no run is under way.
    waits_for: what this run waits for, such as `its extract`; empty while it works.
    due: when the digest should have been out; None if it is not late.
    """

    figures: WeekFigures | None = None
    delivered: tuple[str, ...]
    owed: tuple[str, ...]
    has_page: bool
    run_since: Moment | None = None
    waits_for: str = ""
    due: Moment | None = None

    @property
    def states(self) -> tuple[str, ...]:
        """The state of the extract, of the run that is under way, and of the digest, such as `admitted`, `late`."""
        run = "" if self.run_since is None else "waiting" if self.waits_for else "running"
        late = "late" if self.due else ""
        extract = "" if self.state in ("missing", "not loaded") and (run or late) else self.state
        return tuple(filter(None, (extract, run, late)))

    @property
    def notes(self) -> tuple[str, ...]:
        """The reasons for these states, one text for each."""
        run = f"waiting for {self.waits_for}" if self.waits_for else "running"
        since = f"{run} since {self.run_since:%Y-%m-%d %H:%M} UTC" if self.run_since else ""
        due = f"the digest was due on {self.due:%Y-%m-%d %H:%M} UTC" if self.due else ""
        return tuple(filter(None, (self.reason, since, due)))
