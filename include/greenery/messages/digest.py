"""The digest of a week: one model that Slack, mail and the page show.

Its texts are plain: each medium escapes them. Every figure in them is one of the report's files.
"""

from __future__ import annotations

from collections.abc import Sequence

from greenery.figures import order_changes
from greenery.figures.model import OrderChanges, Restatement, Stuck, StuckOrder, Summary
from greenery.figures.statistics import MORE_THAN_NOISE, NO_COMPARISON
from greenery.messages import badge, chart, wording
from greenery.messages.check_results import CheckResults
from greenery.messages.digest_parts import (
    Digest,
    FunnelRow,
    FunnelSection,
    Links,
    MoverRow,
    MoversSection,
    OrderGroup,
    OrdersSection,
    Restated,
    StuckRow,
    TrendRow,
)
from greenery.messages.week_state import WeekState
from greenery.source.tables import STEPS

SHOWN_IDS = 10
SHOWN_TRANSITIONS = 8
SHOWN_STUCK = 5
SHOWN_FIGURES = 12
SHOWN_WEEKS = 5


def build(
    summary: Summary,
    results: CheckResults | None,
    restatement: Restatement | None,
    links: Links,
    held_weeks: Sequence[WeekState] = (),
    picture: bytes | None = None,
) -> Digest:
    """Return the digest of a week.

    summary, results, restatement, picture: contents of the report's files; None where the file is not there.
    held_weeks: earlier weeks whose extract is held and so not used.
    """
    funnel, movers = _funnel(summary), _movers(summary)
    has_sessions = summary.funnel.all_time.sessions > 0
    return Digest(
        as_of=summary.as_of,
        title=f"Greenery weekly: week to {wording.date(summary.as_of)}",
        headline=f"{wording.headline(summary)}.",
        verdict=wording.verdict(summary),
        notices=_notices(summary, held_weeks),
        funnel=funnel,
        picture_title="Over time" if chart.has_trend(summary) else "",
        picture=picture if has_sessions else None,
        picture_text=chart.report_description(summary) if has_sessions else "",
        trend=_trend(summary),
        maturity=wording.maturity(summary),
        movers=movers,
        orders=_orders(summary),
        restated=restated(restatement) if restatement else None,
        badge=badge.build(results),
        footer=_footer(summary, restatement),
        definitions=_definitions(summary, funnel, movers),
        links=links,
        summary=summary,
        results=results,
    )


def _notices(summary: Summary, held_weeks: Sequence[WeekState]) -> tuple[str, ...]:
    orders, notices = summary.order_changes, []
    if orders.previous_as_of is None or orders.weeks_since_previous is None:
        notices.append("First extract: there is none before it to compare orders with.")
    elif orders.weeks_since_previous != 1:
        notices.append(
            f"After a gap: the previous extract is of {wording.date(orders.previous_as_of)}, "
            f"{wording.count(orders.weeks_since_previous, 'week')} earlier. Order changes are since then."
        )
    if summary.events_without_session:
        notices.append(
            f"Events of the week that have no session: {wording.count(summary.events_without_session)}. "
            "No other figure counts them."
        )
    for week in held_weeks[:SHOWN_WEEKS]:
        reason = wording.plain(week.reason or "no reason is given", 160)
        notices.append(
            f"The extract of {wording.date(week.as_of)} is held and not used ({reason}). What later extracts "
            "show is in these figures."
        )
    if len(held_weeks) > SHOWN_WEEKS:
        notices.append("More extracts are held: see the list of weeks.")
    return tuple(notices)


def _funnel(summary: Summary) -> FunnelSection | None:
    scope = wording.scope(summary)
    counts, in_week = summary.funnel.of(scope), scope == "week"
    if not counts.sessions:
        return None
    compared = wording.is_compared(summary)
    # The median of a single week would equal the previous week, which is shown anyway.
    median_weeks = summary.change.steps.checkout.median_weeks
    has_median = compared and median_weeks > 1
    rows = tuple(_funnel_row(summary, scope, step, compared, has_median) for step in STEPS)
    at_equal_age, notes = any(row.change_mark or row.median_mark for row in rows), []
    if any(row.mark for row in rows):
        changes = "; its changes are at equal age" if at_equal_age else ""
        notes.append(f"* Provisional: packages are still going out{changes}.")
    elif at_equal_age:
        notes.append("* At equal age, because an earlier week is provisional.")
    return FunnelSection(
        title="Funnel" if in_week else "Funnel of all sessions so far",
        rows=rows,
        compared=compared,
        median=f"{median_weeks}-week median" if has_median else "",
        drop_off=wording.drop_off(summary),
        slowest=wording.slowest(summary) if in_week else "",
        notes=tuple(notes),
    )


def _funnel_row(summary: Summary, scope: str, step: str, compared: bool, has_median: bool) -> FunnelRow:
    rate, change = summary.rates.of(scope).of(step), summary.change.steps.of(step)
    return FunnelRow(
        name=wording.STEP_NAMES[step],
        step_before=wording.STEP_NAMES[STEPS[STEPS.index(step) - 1]].lower() if step != STEPS[0] else "",
        sessions=wording.count(summary.funnel.of(scope).of(step)),
        share=wording.percent(rate.conversion),
        step_share=wording.percent(rate.step_conversion),
        lost=wording.count(rate.lost),
        change=wording.points(change.conversion_pp if compared else None),
        median_change=wording.points(change.median_pp if has_median else None),
        noteworthy=compared and change.reading == MORE_THAN_NOISE and wording.is_seen(change.conversion_pp or 0),
        mark="*" if step in wording.provisional(summary).steps else "",
        change_mark="*" if compared and change.at_equal_age else "",
        median_mark="*" if has_median and change.median_at_equal_age else "",
    )


def _trend(summary: Summary) -> tuple[TrendRow, ...]:
    provisional = any(week.provisional for week in summary.trend)
    return tuple(
        TrendRow(
            week=wording.day(week.end),
            sessions=wording.count(week.sessions, "session"),
            shares=tuple(
                wording.percent(None if step in week.provisional else week.conversion.of(step)) for step in STEPS
            ),
            equal_age=wording.percent(week.equal_age.package_shipped) if provisional else "",
        )
        for week in reversed(summary.trend)
        if chart.has_trend(summary)
    )


def _movers(summary: Summary) -> MoversSection | None:
    """Return the groups that moved most; None where there is no week to compare with."""
    if summary.verdict.reading == NO_COMPARISON:
        return None
    return MoversSection(
        lead=wording.moved(summary),
        rows=tuple(
            MoverRow(
                name=f"{wording.DIMENSION_NAMES[row.dimension]} {wording.plain(row.name)}",
                contribution=wording.points(row.contribution_pp),
                rate=wording.points(row.rate_pp),
                mix=wording.points(row.mix_pp) if row.mix_pp and wording.is_seen(row.mix_pp) else "",
                conversion_before=wording.percent(row.conversion_before),
                conversion=wording.percent(row.conversion),
                sessions_before=wording.count(row.sessions_before),
                sessions=wording.count(row.sessions),
                noteworthy=row.significant,
            )
            for row in wording.shown_movers(summary)
        ),
    )


def _orders(summary: Summary) -> OrdersSection:
    orders = summary.order_changes
    moves, stuck = orders.status_transitions, orders.stuck
    shown = moves[:SHOWN_TRANSITIONS]
    ids = _ids_by_transition(orders)
    # People look up rare status changes, so the ids of the rarest come first.
    left, shown_ids = SHOWN_IDS, {}
    for number in sorted(range(len(shown)), key=lambda number: (shown[number].orders, number)):
        move = shown[number]
        shown_ids[number] = ids[move.status_from, move.status_to][:left]
        left -= len(shown_ids[number])
    counts = [
        f"{wording.count(orders.of(kind))} {name.lower()}"
        for kind, name in wording.CHANGE_NAMES.items()
        if orders.of(kind)
    ]
    return OrdersSection(
        lead=wording.orders_changed(summary),
        counts=", ".join(counts),
        transitions=tuple(
            _group(_transition(move.status_from, move.status_to), move.orders, shown_ids[number])
            for number, move in enumerate(shown)
        ),
        more_transitions=_more(len(moves) - len(shown), "status changes in the report"),
        gone_and_back=tuple(
            _group(
                wording.CHANGE_NAMES[kind],
                orders.of(kind),
                [order.order_id for order in orders.orders if order.change == kind][:SHOWN_IDS],
            )
            for kind in ("removed", "returned")
            if orders.of(kind)
        ),
        stuck_lead=wording.stuck(summary),
        stuck_peers=_peers(stuck)[:SHOWN_STUCK],
        stuck=tuple(_stuck_order(order) for order in stuck.orders[:SHOWN_STUCK]),
        stuck_more=_more(stuck.total - SHOWN_STUCK, "in the report"),
        csv=order_changes.to_csv(orders.orders, for_spreadsheets=True).encode(),
        total=orders.total,
    )


def _ids_by_transition(orders: OrderChanges) -> dict[tuple[str | None, str | None], list[str]]:
    found: dict[tuple[str | None, str | None], list[str]] = {}
    for order in orders.orders:
        if order.change == "status_changed":
            found.setdefault((order.status_from, order.status_to), []).append(order.order_id)
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
    """Return where the rest is, without their number: a digest prints only figures that a file holds."""
    return f"more {where}" if number > 0 else ""


def _peers(stuck: Stuck) -> tuple[str, ...]:
    """Return for each status in which orders are stuck how long others stayed in it."""
    statuses = dict.fromkeys(order.status for order in stuck.orders)
    return tuple(
        f"{wording.plain(status)}: 95% of {wording.count(stuck.peers[status].orders, 'order')} left it within "
        f"{wording.days(stuck.peers[status].days_95)}"
        for status in statuses
    )


def _stuck_order(order: StuckOrder) -> StuckRow:
    return StuckRow(
        order_id=wording.plain(order.order_id),
        status=wording.plain(order.status),
        days=wording.days(order.days),
    )


def restated(restatement: Restatement) -> Restated:
    """Return the main figures that differ from those reported before."""
    figures = wording.restated_figures(restatement)
    return Restated(
        notice="Restated: these figures differ from the ones reported before.",
        lead="These figures differ from the ones reported before.",
        figures=tuple(figures[:SHOWN_FIGURES]),
        in_all=f"{wording.restated_in_all(restatement)}: see restatement.json.",
    )


def _footer(summary: Summary, restatement: Restatement | None) -> tuple[str, ...]:
    previous = summary.order_changes.previous_as_of
    as_of = f"As of {wording.date(summary.as_of)}, 00:00 UTC"
    lines = [f"{as_of}; extract before: {wording.date(previous) if previous else 'none'}."]
    provisional = wording.provisional(summary)
    if provisional.steps and provisional.mature_at:
        lines.append(f"Provisional until {wording.date(provisional.mature_at)} at the latest: shipped.")
    else:
        lines.append("Every step is complete.")
    lines.append("Restated." if restatement else "Not restated.")
    return tuple(lines)


def _definitions(
    summary: Summary, funnel: FunnelSection | None, movers: MoversSection | None
) -> tuple[tuple[str, str], ...]:
    """Return the terms that the digest uses, with their meanings."""
    orders = summary.order_changes
    is_provisional = bool(wording.provisional(summary).steps)
    at_equal_age = funnel and any(row.change_mark or row.median_mark for row in funnel.rows)
    used = {
        "Step reached": funnel,
        "Conversion": funnel,
        "Step conversion": funnel,
        "Drop-off": funnel,
        "More than noise": wording.is_compared(summary),
        "Rate and mix": movers and movers.rows,
        **{name: orders.of(kind) for kind, name in wording.CHANGE_NAMES.items()},
        "Stuck": orders.stuck.total,
        "Provisional": is_provisional or any(week.provisional for week in summary.trend),
        "At equal age": at_equal_age or wording.maturity(summary),
    }
    return tuple((term, meaning) for term, meaning in wording.definitions(summary) if used.get(term, True))
