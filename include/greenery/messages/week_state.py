"""A week in the list of weeks, as weeks.json and the list's page have it."""

from __future__ import annotations

from datetime import date
from typing import Literal

from greenery.documents import Document, Moment


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
    state: Literal["missing", "not loaded", "landed", "admitted", "held"]
    reason: str | None = None
    published: bool = False
    has_report: bool = False
    restated: bool = False
    outdated: bool = False
    next_command: str | None = None


class WeekFigures(Document):
    """The main figures of a week's report.

    conversion, change_pp, reading: of checkout; its change since the week before, and how to read it.
    orders_changed: without new orders; None for the first extract. warnings: failed checks that do not hold the week.
    """

    sessions: int
    conversion: float | None
    change_pp: float | None
    reading: str
    orders_changed: int | None
    warnings: int


class ListedWeek(WeekState):
    """A week of the list's page.

    figures: None where the week has no report.
    delivered: where and when its digest was delivered. owed: where it is owed, and why. One line each.
    has_page: whether the week has a page of its own.
    run_since: when the run of the week that is under way began; None where there is none.
    waits_for: what this run waits for, such as `its extract`; empty while it works.
    due: when the digest should have been out, if it is late.
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
        """Why the week is in these states, a sentence each."""
        run = f"waiting for {self.waits_for}" if self.waits_for else "running"
        since = f"{run} since {self.run_since:%Y-%m-%d %H:%M} UTC" if self.run_since else ""
        due = f"the digest was due on {self.due:%Y-%m-%d %H:%M} UTC" if self.due else ""
        return tuple(filter(None, (self.reason, since, due)))
