"""The parts of a digest, as Slack, mail and the page show them. All texts are plain: each medium escapes them."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict

from greenery.documents import Moment
from greenery.figures.model import Summary
from greenery.messages.check_results import CheckResults
from greenery.messages.wording import NOTHING, points


class Value(BaseModel):
    """A part of a digest. It is immutable."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Links(Value):
    """The addresses to which the digest links. If an address is None, its link is left out.

    run: the page of the run in Airflow. report: the page of the week.
    funnel: the funnel page. It shows the same week, as known at its end.
    """

    run: str | None = None
    report: str | None = None
    funnel: str | None = None

    def by_label(self) -> dict[str, str]:
        """Return the addresses that are set, by their labels."""
        labelled = {"Funnel": self.funnel, "Report": self.report, "Run": self.run}
        return {label: address for label, address in labelled.items() if address}

    def funnel_only(self, dimension: str, value: str) -> str:
        """Return the address of the funnel page with one filter; empty if there is no such page."""
        return f"{self.funnel}&{urlencode({dimension: value})}" if self.funnel else ""


class FunnelRow(Value):
    """A step of the funnel.

    share: its conversion. step_share: its step conversion. step_before: the name of the step before; empty for the
        first step.
    change: the change of its conversion against the week before. recent_change: that of the last four weeks against the
        four before.
    noteworthy, recent_noteworthy: whether the change is more than noise.
    since: since when the last four weeks differ, as text.
    mark, change_mark, recent_mark: `*` after the name and after the changes if a note of the funnel explains them.
    """

    name: str
    step_before: str
    sessions: str
    share: str
    step_share: str
    lost: str
    change: str
    recent_change: str
    noteworthy: bool
    recent_noteworthy: bool
    since: str
    mark: str
    change_mark: str
    recent_mark: str

    @property
    def changed(self) -> bool:
        """Whether a change is visible at one decimal."""
        return any(change not in (NOTHING, points(0)) for change in (self.change, self.recent_change))

    @property
    def changes(self) -> str:
        """The changes in words; empty if there is nothing to compare with."""
        found = []
        if self.change != NOTHING:
            noise = " (more than noise)" if self.noteworthy else ""
            found.append(f"{self.change}{self.change_mark} vs. the week before{noise}")
        if self.recent_change != NOTHING:
            noise = " (more than noise)" if self.recent_noteworthy else ""
            since = f", {self.since}" if self.since else ""
            found.append(f"{self.recent_change}{self.recent_mark} in four weeks{noise}{since}")
        return "; ".join(found)


class FunnelSection(Value):
    """The funnel of the week or, if it has no sessions, of all time.

    compared: whether the rows have changes since the week before. recent: whether they have changes of four weeks.
    drop_off, slowest: a sentence each. notes: the meaning of the marks.
    """

    title: str
    rows: tuple[FunnelRow, ...]
    compared: bool
    recent: bool
    drop_off: str
    slowest: str
    notes: tuple[str, ...]

    @property
    def telling_rows(self) -> tuple[FunnelRow, ...]:
        """The rows without page_view, if every session viewed a page in both weeks: that is no news."""
        return tuple(row for row in self.rows if row.step_before or row.share != "100.0%" or row.changed)


class TrendRow(Value):
    """One of the last weeks.

    shares: the conversion of each step; a dash if the step is provisional or the week has no sessions.
    equal_age: the share of sessions that had shipped by the week's own end; empty if all weeks are complete.
    """

    week: str
    sessions: str
    shares: tuple[str, ...]
    equal_age: str


class MoverRow(Value):
    """A product, country or state that moved by more than noise.

    change: the change of its own conversion.
    contribution: how far it changes the conversion of all sessions. parts: the contribution split into rate and mix;
        empty if it is only one of them.
    link: the funnel page with only its sessions; empty if there is no such page.
    """

    name: str
    link: str
    contribution: str
    parts: str
    change: str
    conversion_before: str
    conversion: str
    sessions_before: str
    sessions: str


class MoversSection(Value):
    """The groups that moved, and a sentence with their number."""

    lead: str
    rows: tuple[MoverRow, ...]


class OrderGroup(Value):
    """Orders that changed in the same way.

    orders: their number, as text. ids: the ids that are shown. more: where the other ids are.
    """

    name: str
    orders: str
    ids: tuple[str, ...]
    more: str


class StuckRow(Value):
    """An order that is in its status for longer than its peers."""

    order_id: str
    status: str
    days: str


class OrdersSection(Value):
    """The orders that changed, and those that are stuck.

    more_groups: where the other groups are; empty if all are shown.
    csv: all changed and new orders, for a spreadsheet.
    """

    lead: str
    groups: tuple[OrderGroup, ...]
    more_groups: str
    stuck_lead: str
    stuck_peers: tuple[str, ...]
    stuck: tuple[StuckRow, ...]
    stuck_more: str
    csv: bytes
    total: int


class Badge(Value):
    """The result of the week's checks.

    compared: label and lines without observations. A correction compares these.
    """

    label: str
    lines: tuple[str, ...]
    compared: tuple[str, ...]


class Restated(Value):
    """The main figures that differ from those reported before.

    figures: name, value before, value now. in_all: the number of all figures and orders that differ, as text.
    """

    notice: str
    lead: str
    figures: tuple[tuple[str, str, str], ...]
    in_all: str


class Correction(Value):
    """The changes since the digest that this one replaces.

    says: the changes in sentences.
    restated: the main figures before and now; None if none changed, or if the former figures are not known.
    """

    says: str
    restated: Restated | None


class Digest(Value):
    """A week's digest, in the order in which it is read.

    recent: sentences that say whether the last four weeks differ from the four before.
    notices: facts that a reader needs before the figures.
    picture, picture_text: the content of funnel.png, and a text with its numbers; None and empty without any session.
    trend: the weeks of the picture in figures, newest week first.
    summary, results: the contents of summary.json and quality.json, from which the digest is made.
    """

    as_of: Moment
    title: str
    headline: str
    verdict: str
    recent: str
    notices: tuple[str, ...]
    funnel: FunnelSection | None
    picture: bytes | None
    picture_text: str
    trend: tuple[TrendRow, ...]
    maturity: str
    movers: MoversSection | None
    orders: OrdersSection
    restated: Restated | None
    badge: Badge
    footer: tuple[str, ...]
    definitions: tuple[tuple[str, str], ...]
    links: Links
    summary: Summary
    results: CheckResults | None

    @cached_property
    def content(self) -> dict[str, Any]:
        """The content with which a later correction compares, in the form of JSON."""
        return {"summary": self.summary.document(), "badge": list(self.badge.compared)}

    @cached_property
    def content_hash(self) -> str:
        """A hash that is the same for the same figures and verdict, whichever run rendered them."""
        results = self.results
        accepted = results.accepted if results else None
        badge = {
            "verdict": results.verdict if results else None,
            "failed": sorted(check.check for check in results.told if not check.passed) if results else [],
            "accepted": accepted.document() if accepted else None,
        }
        return hashlib.sha256(json.dumps([self.content["summary"], badge], sort_keys=True).encode()).hexdigest()
