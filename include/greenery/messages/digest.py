"""The digest of a week: one model that Slack, mail and the page show.

Its texts are plain: each medium escapes them. Every figure in them is one of the report's files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from greenery.figures import order_changes
from greenery.figures.restatement import agree, compare
from greenery.messages import chart, wording
from greenery.source.tables import STEPS

SHOWN_IDS = 10
SHOWN_TRANSITIONS = 8
SHOWN_STUCK = 5
SHOWN_FIGURES = 12
SHOWN_CHECKS = 6
SHOWN_WEEKS = 5
QUALITY = "Data quality: "


@dataclass(frozen=True)
class Links:
    """Addresses that the digest points to; None where there is none, and then it is left out.

    funnel: the page on which the same week's funnel stands.
    """

    run: str | None = None
    report: str | None = None
    funnel: str | None = None

    def by_label(self) -> dict[str, str]:
        """Return those that there are, by their labels."""
        labelled = {"Funnel": self.funnel, "Report": self.report, "Run": self.run}
        return {label: address for label, address in labelled.items() if address}


@dataclass(frozen=True)
class FunnelRow:
    """A step of the funnel.

    step_before: name of the step that step_share is a share of; empty for the first.
    change, median_change: of its conversion, against the week before and the median of the weeks before it.
    noteworthy: the change is more than noise.
    mark, change_mark, median_mark: after the name and the changes, `*` where a note of the funnel is about them.
    """

    name: str
    step_before: str
    sessions: str
    share: str
    step_share: str
    lost: str
    change: str
    median_change: str
    noteworthy: bool
    mark: str
    change_mark: str
    median_mark: str


@dataclass(frozen=True)
class Funnel:
    """The funnel of the week, or of all time where the week has no sessions.

    compared: whether the rows have changes. median: what median_change compares with; empty where nothing is there.
    notes: what the marks mean.
    """

    title: str
    rows: tuple[FunnelRow, ...]
    compared: bool
    median: str
    drop_off: str
    slowest: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class TrendWeek:
    """A week of the last ones: each step's conversion, and what had shipped by the week's own end.

    An equal_age of nothing: all weeks are complete. A share of nothing: the step is provisional, or nobody came.
    """

    week: str
    sessions: str
    shares: tuple[str, ...]
    equal_age: str


@dataclass(frozen=True)
class Mover:
    """How far a product, country or state moved.

    mix: empty where it is 0.0, and for a product, which has a rate only. noteworthy: its own conversion, and so its
    rate, changed by more than noise.
    """

    name: str
    contribution: str
    rate: str
    mix: str
    conversion_before: str
    conversion: str
    sessions_before: str
    sessions: str
    noteworthy: bool


@dataclass(frozen=True)
class Movers:
    """What moved most, and how far that can be trusted."""

    lead: str
    rows: tuple[Mover, ...]


@dataclass(frozen=True)
class OrderGroup:
    """Orders that changed in the same way: how many, the ids shown, and how many are not shown."""

    name: str
    orders: str
    ids: tuple[str, ...]
    more: str


@dataclass(frozen=True)
class StuckOrder:
    """An order that is in its status for longer than its peers."""

    order_id: str
    status: str
    days: str


@dataclass(frozen=True)
class Orders:
    """Which orders changed and which don't.

    more_transitions: status changes that are not among the groups; empty where all are.
    csv: all changed orders, for a spreadsheet.
    """

    lead: str
    counts: str
    transitions: tuple[OrderGroup, ...]
    more_transitions: str
    gone_and_back: tuple[OrderGroup, ...]
    stuck_lead: str
    stuck_peers: tuple[str, ...]
    stuck: tuple[StuckOrder, ...]
    stuck_more: str
    csv: bytes
    total: int


@dataclass(frozen=True)
class Badge:
    """What the quality gate said.

    compared: label and lines without what was observed: what a correction looks for a difference in.
    """

    label: str
    lines: tuple[str, ...]
    compared: tuple[str, ...]


@dataclass(frozen=True)
class Restated:
    """What the week's figures were before: name, before and now of the main ones."""

    notice: str
    lead: str
    figures: tuple[tuple[str, str, str], ...]
    in_all: str


@dataclass(frozen=True)
class Correction:
    """What changed since the digest that it takes the place of.

    says: it in sentences.
    restated: the main figures then and now; None where they are as they were, or where the former are not known.
    """

    says: str
    restated: Restated | None


@dataclass(frozen=True)
class Digest:
    """What a week's digest says, in the order in which it is read.

    notices: what has to be known before the figures are read.
    picture, picture_text: a Vega-Lite spec and its numbers in words; None where there is nothing to draw.
    picture_title: what the picture shows besides the funnel. trend: the same in figures, newest week first.
    content_hash: the same for the same figures and verdict, whichever run rendered them.
    content: what `correction` has to know of it later, as JSON has it.
    """

    as_of: str
    title: str
    headline: str
    verdict: str
    notices: tuple[str, ...]
    funnel: Funnel | None
    picture_title: str
    picture: dict | None
    picture_text: str
    trend: tuple[TrendWeek, ...]
    maturity: str
    movers: Movers | None
    orders: Orders
    restated: Restated | None
    badge: Badge
    footer: tuple[str, ...]
    definitions: tuple[tuple[str, str], ...]
    links: Links
    content_hash: str
    content: dict


def build(
    summary: dict,
    quality: dict | None,
    restatement: dict | None,
    links: Links,
    held_weeks: Sequence[dict] = (),
) -> Digest:
    """Return the digest of a week.

    summary, quality, restatement: contents of the report's files; None where the file is not there.
    held_weeks: as_of and reason of earlier weeks whose extract is held and so not used.
    """
    spec = chart.report_spec(summary) if summary["funnel"]["all_time"]["sessions"] else None
    badge, funnel, movers = _badge(quality), _funnel(summary), _movers(summary)
    return Digest(
        as_of=summary["as_of"],
        title=f"Greenery weekly: week to {wording.date(summary['as_of'])}",
        headline=f"{wording.headline(summary)}.",
        verdict=wording.verdict(summary),
        notices=_notices(summary, held_weeks),
        funnel=funnel,
        picture_title="Over time" if chart.has_trend(summary) else "",
        picture=spec,
        picture_text=spec["description"] if spec else "",
        trend=_trend(summary),
        maturity=wording.maturity(summary),
        movers=movers,
        orders=_orders(summary),
        restated=_restated(restatement) if restatement else None,
        badge=badge,
        footer=_footer(summary, restatement),
        definitions=_definitions(summary, funnel, movers),
        links=links,
        content_hash=_content_hash(summary, quality),
        content={"summary": summary, "badge": list(badge.compared)},
    )


def correction(digest: Digest, sent: dict | None) -> Correction:
    """Return what a digest says that the one sent before did not.

    sent: `content` of that one, or why the week was withdrawn, as `{"withdrawn": …}`; None where it is not known.
    """
    if sent is None:
        return Correction("What it said is not known any more, so what changed is not listed.", None)
    if "withdrawn" in sent:
        return Correction(f"It said that the week is withdrawn: {wording.plain(sent['withdrawn'], 200)}.", None)
    changed = compare(sent["summary"], digest.content["summary"])
    quality = _badge_change(sent["badge"], digest.content["badge"])
    if not changed["figures"] and not changed["orders"]:
        return Correction(" ".join(["The figures are as they were.", quality or "So are the checks."]), None)
    says = "These figures differ from the ones sent before."
    restated = replace(_restated(changed), in_all=f"{wording.restated_in_all(changed)}.")
    return Correction(" ".join(filter(None, [says, quality])), restated)


def says_the_same(digest: Digest, sent: dict | None) -> bool:
    """Return whether readers of the one sent before know all that a digest says.

    Its hash may be another all the same: the summary of another version of the code has other keys.

    sent: as in `correction`.
    """
    return sent is not None and "withdrawn" not in sent and agree(_shown(sent), _shown(digest.content))


def _shown(content: dict) -> dict:
    """Return a digest's content without when weeks mature, which is shown of a provisional step alone."""
    provisional = content["summary"]["provisional"]
    if provisional["steps"] or provisional.get("all_time", {}).get("steps"):
        return content
    rest = {name: value for name, value in provisional.items() if name not in ("maturity_days", "mature_at")}
    return {**content, "summary": {**content["summary"], "provisional": rest}}


def _badge_change(old: Sequence[str], new: Sequence[str]) -> str:
    """Return what changed in the lines of a badge, label first; empty where nothing did."""
    if old == new:
        return ""
    before = f"; before: {old[0].removeprefix(QUALITY)}" if old[0] != new[0] else ""
    lines = [f"{new[0]}{before}"]
    lines += [f"New: {line}" for line in new[1:] if line not in old]
    lines += [f"No longer: {line}" for line in old[1:] if line not in new]
    return " ".join(f"{line.rstrip('.')}." for line in lines)


def _notices(summary: dict, held_weeks: Sequence[dict]) -> tuple[str, ...]:
    orders, notices = summary["order_changes"], []
    if not orders["previous_as_of"]:
        notices.append("First extract: there is none before it to compare orders with.")
    elif orders["weeks_since_previous"] != 1:
        notices.append(
            f"After a gap: the extract before is of {wording.date(orders['previous_as_of'])}, "
            f"{wording.count(orders['weeks_since_previous'], 'week')} before this one. Order changes are since then."
        )
    for week in held_weeks[:SHOWN_WEEKS]:
        reason = wording.plain(week["reason"] or "no reason is given", 160)
        notices.append(
            f"The extract of {wording.date(week['as_of'])} is held and not used ({reason}). What later extracts "
            "show is in these figures."
        )
    if len(held_weeks) > SHOWN_WEEKS:
        notices.append("More extracts are held: see the list of weeks.")
    return tuple(notices)


def _funnel(summary: dict) -> Funnel | None:
    scope = wording.scope(summary)
    counts, in_week = summary["funnel"][scope], scope == "week"
    if not counts["sessions"]:
        return None
    compared = wording.is_compared(summary)
    # Of one week it would be that week, which stands beside it.
    median_weeks = summary["change"]["steps"]["checkout"]["median_weeks"]
    has_median = compared and median_weeks > 1
    rows = tuple(_funnel_row(summary, scope, step, compared, has_median) for step in STEPS)
    at_equal_age, notes = any(row.change_mark or row.median_mark for row in rows), []
    if any(row.mark for row in rows):
        changes = "; its changes are at equal age" if at_equal_age else ""
        notes.append(f"* Provisional: packages are still going out{changes}.")
    elif at_equal_age:
        notes.append("* At equal age, as a week before is provisional.")
    return Funnel(
        title="Funnel" if in_week else "Funnel of all sessions so far",
        rows=rows,
        compared=compared,
        median=f"{median_weeks}-week median" if has_median else "",
        drop_off=wording.drop_off(summary),
        slowest=wording.slowest(summary) if in_week else "",
        notes=tuple(notes),
    )


def _funnel_row(summary: dict, scope: str, step: str, compared: bool, has_median: bool) -> FunnelRow:
    rate, change = summary["rates"][scope][step], summary["change"]["steps"][step]
    return FunnelRow(
        name=wording.STEP_NAMES[step],
        step_before=wording.STEP_NAMES[STEPS[STEPS.index(step) - 1]].lower() if step != STEPS[0] else "",
        sessions=wording.count(summary["funnel"][scope][step]),
        share=wording.percent(rate["conversion"]),
        step_share=wording.percent(rate["step_conversion"]),
        lost=wording.count(rate["lost"]),
        change=wording.points(change["conversion_pp"] if compared else None),
        median_change=wording.points(change["median_pp"] if has_median else None),
        noteworthy=compared and change["reading"] == "more_than_noise" and wording.is_seen(change["conversion_pp"]),
        mark="*" if step in wording.provisional(summary)["steps"] else "",
        change_mark="*" if compared and change["at_equal_age"] else "",
        median_mark="*" if has_median and change["median_at_equal_age"] else "",
    )


def _trend(summary: dict) -> tuple[TrendWeek, ...]:
    provisional = any(week["provisional"] for week in summary["trend"])
    return tuple(
        TrendWeek(
            week=wording.day(week["end"]),
            sessions=wording.count(week["sessions"], "session"),
            shares=tuple(
                wording.percent(None if step in week["provisional"] else week["conversion"][step]) for step in STEPS
            ),
            equal_age=wording.percent(week["equal_age"]["package_shipped"]) if provisional else "",
        )
        for week in reversed(summary["trend"])
        if chart.has_trend(summary)
    )


def _movers(summary: dict) -> Movers | None:
    """Return what moved; None where there is no week to compare with."""
    movers = summary["movers"]
    if not movers or summary["verdict"]["reading"] == "no_comparison":
        return None
    return Movers(
        lead=wording.moved(summary),
        rows=tuple(
            Mover(
                name=f"{wording.DIMENSION_NAMES[row['dimension']]} {wording.plain(row['name'])}",
                contribution=wording.points(row["contribution_pp"]),
                rate=wording.points(row["rate_pp"]),
                mix=wording.points(row["mix_pp"]) if row["mix_pp"] and wording.is_seen(row["mix_pp"]) else "",
                conversion_before=wording.percent(row["conversion_before"]),
                conversion=wording.percent(row["conversion"]),
                sessions_before=wording.count(row["sessions_before"]),
                sessions=wording.count(row["sessions"]),
                noteworthy=row["significant"],
            )
            for row in wording.shown_movers(summary)
        ),
    )


def _orders(summary: dict) -> Orders:
    orders = summary["order_changes"]
    moves, stuck = orders["status_transitions"], orders["stuck"]
    shown = moves[:SHOWN_TRANSITIONS]
    ids = _ids_by_transition(orders)
    # The rarest move is the one that someone looks up: its ids come first.
    left, shown_ids = SHOWN_IDS, {}
    for number in sorted(range(len(shown)), key=lambda number: (shown[number]["orders"], number)):
        move = shown[number]
        shown_ids[number] = ids[move["from"], move["to"]][:left]
        left -= len(shown_ids[number])
    counts = [
        f"{wording.count(orders[kind])} {name.lower()}" for kind, name in wording.CHANGE_NAMES.items() if orders[kind]
    ]
    return Orders(
        lead=wording.orders_changed(summary),
        counts=", ".join(counts),
        transitions=tuple(
            _group(_transition(move["from"], move["to"]), move["orders"], shown_ids[number])
            for number, move in enumerate(shown)
        ),
        more_transitions=_more(len(moves) - len(shown), "status changes in the report"),
        gone_and_back=tuple(
            _group(
                wording.CHANGE_NAMES[kind],
                orders[kind],
                [order["order_id"] for order in orders["orders"] if order["change"] == kind][:SHOWN_IDS],
            )
            for kind in ("removed", "returned")
            if orders[kind]
        ),
        stuck_lead=wording.stuck(summary),
        stuck_peers=_peers(stuck)[:SHOWN_STUCK],
        stuck=tuple(_stuck_order(order) for order in stuck["orders"][:SHOWN_STUCK]),
        stuck_more=_more(stuck["total"] - SHOWN_STUCK, "in the report"),
        csv=order_changes.to_csv(orders["orders"], for_spreadsheets=True).encode(),
        total=orders["total"],
    )


def _ids_by_transition(orders: dict) -> dict[tuple, list[str]]:
    found: dict[tuple, list[str]] = {}
    for order in orders["orders"]:
        if order["change"] == "status_changed":
            found.setdefault((order["status_from"], order["status_to"]), []).append(order["order_id"])
    return found


def _transition(before: str | None, after: str | None) -> str:
    return " → ".join(wording.plain(status or "no status") for status in (before, after))


def _group(name: str, orders: int, ids: list[str]) -> OrderGroup:
    return OrderGroup(
        name=name,
        orders=wording.count(orders, "order"),
        ids=tuple(wording.plain(order_id) for order_id in ids),
        more=_more(orders - len(ids), "in order_changes.csv"),
    )


def _more(number: int, where: str) -> str:
    """Return where the rest is; how many they are would be a figure that no file has."""
    return f"more {where}" if number > 0 else ""


def _peers(stuck: dict) -> tuple[str, ...]:
    """Return for each status in which orders are stuck how long others stayed in it."""
    statuses = dict.fromkeys(order["status"] for order in stuck["orders"])
    return tuple(
        f"{wording.plain(status)}: 95% of {wording.count(stuck['peers'][status]['orders'], 'order')} left it within "
        f"{wording.days(stuck['peers'][status]['days_95'])}"
        for status in statuses
    )


def _stuck_order(order: dict) -> StuckOrder:
    return StuckOrder(
        order_id=wording.plain(order["order_id"]),
        status=wording.plain(order["status"]),
        days=wording.days(order["days"]),
    )


def _restated(restatement: dict) -> Restated:
    figures = wording.restated_figures(restatement)
    return Restated(
        notice="Restated: these figures differ from the ones reported before.",
        lead="These figures differ from the ones reported before.",
        figures=tuple(figures[:SHOWN_FIGURES]),
        in_all=f"{wording.restated_in_all(restatement)}: see restatement.json.",
    )


def _badge(quality: dict | None) -> Badge:
    if not quality or not quality["checks"]:
        label = f"{QUALITY}no check has been made"
        return Badge(label, (), (label,))
    checks = _told(quality)
    failed = [check for check in checks if not check["passed"]]
    accepted = quality.get("accepted")
    total = wording.count(len(checks), "check")
    label = f"{QUALITY}{wording.count(len(checks) - len(failed))} of {total} passed"
    before, after = [], []
    if accepted:
        names = [wording.plain(name) for name in accepted["checks"][:SHOWN_CHECKS]]
        names += ["and more"] if len(accepted["checks"]) > SHOWN_CHECKS else []
        before.append(f"Accepted though {', '.join(names)} failed. Reason: {wording.plain(accepted['reason'], 200)}")
    named = [
        check
        for check in failed
        if not check.get("told_by") and not (accepted and check["check"] in accepted["checks"])
    ]
    told = [_failed_check(check) for check in named[:SHOWN_CHECKS]]
    observed = [f"Observed: {wording.plain(check['observed'], 120)}" for check in named[:SHOWN_CHECKS]]
    if len(named) > SHOWN_CHECKS:
        after.append("More failed: see the report")
    if quality["landing_warnings"]:
        after.append(f"{wording.count(len(quality['landing_warnings']), 'note')} from landing: see the report")
    return Badge(
        label=label,
        lines=(*before, *(f"{text.rstrip('.')}. {seen}" for text, seen in zip(told, observed, strict=True)), *after),
        compared=(label, *before, *told, *after),
    )


def _told(quality: dict) -> list[dict]:
    """Return the checks that a digest tells of: infos bother nobody, and are on the page of all checks."""
    return [check for check in quality["checks"] if check["severity"] != "info"]


def _failed_check(check: dict) -> str:
    silenced = check.get("silenced")
    text = f"{check['severity'].capitalize()}: {wording.plain(check['check'])} failed. It checks: "
    text += wording.plain(check["meaning"], 160)
    if silenced:
        until = wording.date(str(silenced["until"]))
        text += f" (silenced until {until} by {wording.plain(silenced['owner'])}: {wording.plain(silenced['reason'])})"
    return text


def _footer(summary: dict, restatement: dict | None) -> tuple[str, ...]:
    previous = summary["order_changes"]["previous_as_of"]
    as_of = f"As of {wording.date(summary['as_of'])}, 00:00 UTC"
    lines = [f"{as_of}; extract before: {wording.date(previous) if previous else 'none'}."]
    provisional = wording.provisional(summary)
    if provisional["steps"]:
        lines.append(f"Provisional until {wording.date(provisional['mature_at'])} at the latest: shipped.")
    else:
        lines.append("Every step is complete.")
    lines.append("Restated." if restatement else "Not restated.")
    return tuple(lines)


def _definitions(summary: dict, funnel: Funnel | None, movers: Movers | None) -> tuple[tuple[str, str], ...]:
    """Return the terms that the digest uses, with their meanings."""
    orders = summary["order_changes"]
    is_provisional = bool(wording.provisional(summary)["steps"])
    at_equal_age = funnel and any(row.change_mark or row.median_mark for row in funnel.rows)
    used = {
        "Step reached": funnel,
        "Conversion": funnel,
        "Step conversion": funnel,
        "Drop-off": funnel,
        "More than noise": wording.is_compared(summary),
        "Rate and mix": movers and movers.rows,
        **{name: orders[kind] for kind, name in wording.CHANGE_NAMES.items()},
        "Stuck": orders["stuck"]["total"],
        "Provisional": is_provisional or any(week["provisional"] for week in summary["trend"]),
        "At equal age": at_equal_age or wording.maturity(summary),
    }
    return tuple((term, meaning) for term, meaning in wording.definitions(summary) if used.get(term, True))


def _content_hash(summary: dict, quality: dict | None) -> str:
    checks = _told(quality) if quality else []
    badge = {
        "verdict": quality and quality["verdict"],
        "failed": sorted(check["check"] for check in checks if not check["passed"]),
        "accepted": quality and quality.get("accepted"),
    }
    return hashlib.sha256(json.dumps([summary, badge], sort_keys=True).encode()).hexdigest()
