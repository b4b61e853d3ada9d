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
    """A part of a digest, which nothing changes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Links(Value):
    """Addresses that the digest points to; None where there is none, and then it is left out.

    funnel: the funnel page, which shows the same week as known at its end.
    """

    run: str | None = None
    report: str | None = None
    funnel: str | None = None

    def by_label(self) -> dict[str, str]:
        """Return the addresses that are set, by their labels."""
        labelled = {"Funnel": self.funnel, "Report": self.report, "Run": self.run}
        return {label: address for label, address in labelled.items() if address}

    def funnel_only(self, dimension: str, value: str) -> str:
        """Return the address of the funnel page with one filter; empty where there is no such page."""
        return f"{self.funnel}&{urlencode({dimension: value})}" if self.funnel else ""


class FunnelRow(Value):
    """A step of the funnel.

    step_before: name of the step that step_share is a share of; empty for the first.
    change: of its conversion, against the week before. recent_change: of four weeks, against the four before.
    noteworthy, recent_noteworthy: the change is more than noise. since: since when four weeks differ.
    mark, change_mark, recent_mark: after the name and the changes, `*` where a note of the funnel is about them.
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
        """Whether a change shows at one decimal."""
        return any(change not in (NOTHING, points(0)) for change in (self.change, self.recent_change))

    @property
    def changes(self) -> str:
        """The changes in words; empty where there is nothing to compare with."""
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
    """The funnel of the week, or of all time where the week has no sessions.

    compared: whether the rows have changes since the week before. recent: whether they have changes of four weeks.
    notes: what the marks mean.
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
        """The rows without those that say the obvious: every session viewed a page, then and now."""
        return tuple(row for row in self.rows if row.step_before or row.share != "100.0%" or row.changed)


class TrendRow(Value):
    """One of the last weeks.

    shares: each step's conversion; a dash where the step is provisional, or the week has no sessions.
    equal_age: the share that had shipped by the week's own end; empty where all weeks are complete.
    """

    week: str
    sessions: str
    shares: tuple[str, ...]
    equal_age: str


class MoverRow(Value):
    """A product, country or state that moved by more than noise.

    change: of its own conversion. contribution: what it adds to the change of all; parts: through what, where it is
    more than one thing. link: the funnel page with its sessions only; empty where there is no such page.
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
    """A sentence on how many groups moved, and those that did."""

    lead: str
    rows: tuple[MoverRow, ...]


class OrderGroup(Value):
    """Orders that changed in the same way: how many, the ids shown, and where the others are."""

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

    more_groups: where the groups are that are not shown; empty where all are.
    csv: all changed orders and the new ones, for a spreadsheet.
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
    """The main figures that differ from those reported before: name, before, now."""

    notice: str
    lead: str
    figures: tuple[tuple[str, str, str], ...]
    in_all: str


class Correction(Value):
    """The changes since the digest that this one replaces.

    says: the changes in sentences.
    restated: the main figures then and now; None where none changed, or the former ones are not known.
    """

    says: str
    restated: Restated | None


class Digest(Value):
    """A week's digest, in the order in which it is read.

    recent: whether the last four weeks are better than the four before.
    notices: facts that a reader needs before the figures.
    picture, picture_text: the content of funnel.png, and its numbers in words; None and empty without any session.
    trend: the weeks of the picture in figures, newest week first.
    summary, results: the content of the files that the digest is made of.
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
        """The content that a later correction compares with, as JSON has it."""
        return {"summary": self.summary.document(), "badge": list(self.badge.compared)}

    @cached_property
    def content_hash(self) -> str:
        """The same for the same figures and verdict, whichever run rendered them."""
        results = self.results
        accepted = results.accepted if results else None
        badge = {
            "verdict": results.verdict if results else None,
            "failed": sorted(check.check for check in results.told if not check.passed) if results else [],
            "accepted": accepted.document() if accepted else None,
        }
        return hashlib.sha256(json.dumps([self.content["summary"], badge], sort_keys=True).encode()).hexdigest()
